import { describe, expect, it, type TestContext } from 'vitest'
import { type Edit, withFalseComfort } from '../helpers/broken-builds.ts'
import { openScene } from '../helpers/scene.ts'

const timeout = 60_000

describe('a registration whose commit happens while its answer is lost', () => {
  it('is not said to have changed nothing, and changes nothing more when it is sent again', {
    timeout,
  }, async (context) => {
    const { answer, versions, again } = await loseTheAnswer(context)
    expect([answer.status, answer.retryAfter, await versions()]).toEqual([503, 5, 1])
    expect(messageOf(answer)).toMatch(/whether anything was changed is not known\. Look at the version/)
    expect(messageOf(answer)).not.toContain('nothing was changed')
    expect((await again()).status).toBe(200)
    expect(await versions()).toBe(1)
  })

  it('is on a build that says so of every fault', { timeout }, async (context) => {
    const { answer, versions } = await loseTheAnswer(context, withFalseComfort)
    expect([answer.status, await versions()]).toEqual([503, 1])
    expect(messageOf(answer)).toContain('nothing was changed')
  })
})

async function loseTheAnswer(context: TestContext, edits?: Edit[]) {
  const { db, line, registrar, serve } = await openScene(context, { byLine: true })
  await serve(edits)
  const entry = registrar.write()
  line?.loseNextCommit()
  const answer = await registrar.send(entry)
  const versions = async () => (await db.selectFrom('model_version').select('version').execute()).length
  return { answer, versions, again: () => registrar.deliver(entry) }
}

function messageOf({ body }: { body: unknown }): unknown {
  return (body as { error?: { message: string } }).error?.message
}
