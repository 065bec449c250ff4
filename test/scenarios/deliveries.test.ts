import { describe, expect, it, type TestContext } from 'vitest'
import { type Edit, withoutDedupe } from '../helpers/broken-builds.ts'
import { type Entry, signedHeaders } from '../helpers/registrar.ts'
import { openScene, people, type Scene, webhookSecret } from '../helpers/scene.ts'
import { until } from '../helpers/until.ts'

const timeout = 60_000

describe('50 parallel copies of one webhook', () => {
  it('are one version, and all are answered alike (V7)', { timeout }, async (context) => {
    const { scene, answers } = await deliverFiftyTimes(context)
    expect(answers).toEqual(answers.map(() => ({ status: 200, body: answers[0]?.body })))
    await scene.work()
    await scene.settle(20_000)
    expect(await scene.violations()).toEqual([])
  })

  it('are several on a build that does not know a copy when it sees one', { timeout }, async (context) => {
    const { scene } = await deliverFiftyTimes(context, withoutDedupe)
    expect(await scene.violations()).toContainEqual(expect.stringMatching(/^V7: .* is 50 versions$/))
  })
})

describe('a webhook that comes again', () => {
  it('changes nothing: not with another body, nor after the decision, nor after a restart (V7)', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context)
    const [server] = await Promise.all([scene.serve(), scene.work()])
    const { registrar, sandbox } = scene
    const entry = registrar.write()
    await registrar.deliver(entry)
    await scene.settle(20_000)

    const asked = await picture(scene)
    expect(await sendOther(scene, entry)).toMatchObject({ status: 409, code: 'delivery_reused' })
    expect(await picture(scene)).toEqual(asked)

    const [message] = sandbox.messages()
    await sandbox.click({ ts: message?.ts ?? '', actionId: 'greenroom.approve', userId: people[0] })
    await until(() => sandbox.messages()[0]?.edited === true)
    await scene.settle(20_000)
    const decided = await picture(scene)
    const standing = { name: entry.model, version: 1, stage: 'Production', state: 'live' }
    expect(await registrar.send(entry)).toMatchObject({ status: 200, body: standing })
    expect(await picture(scene)).toEqual(decided)

    await server.stop()
    await scene.serve()
    expect(await registrar.send(entry)).toMatchObject({ status: 200, body: standing })
    expect(await sendOther(scene, entry)).toMatchObject({ status: 409, code: 'delivery_reused' })
    await scene.settle(20_000)
    expect(await picture(scene)).toEqual(decided)
    expect(await scene.violations()).toEqual([])
  })
})

// Without a worker, so that the version does not move between the answers.
async function deliverFiftyTimes(context: TestContext, edits?: Edit[]) {
  const scene = await openScene(context)
  await scene.serve(edits)
  const { registrar } = scene
  const entry = registrar.write()
  const answers = await Promise.all(Array.from({ length: 50 }, () => registrar.send(entry)))
  return { scene, answers: answers.map(({ status, body }) => ({ status, body })) }
}

/** Sends other bytes under an entry's id, rightly signed. */
async function sendOther({ registrar }: Scene, entry: Entry): Promise<{ status: number; code: unknown }> {
  const body = entry.body.replace('"score":1', '"score":2')
  const headers = signedHeaders(webhookSecret, entry.id, body)
  const answer = await registrar.send({ ...entry, body, headers, answers: [] })
  return { status: answer.status, code: (answer.body as { error?: { code: string } }).error?.code }
}

/** Everything that a webhook could change. */
async function picture({ db, sandbox }: Scene): Promise<unknown> {
  return {
    versions: await db.selectFrom('model_version').selectAll().execute(),
    events: await db.selectFrom('event').selectAll().execute(),
    commands: await db.selectFrom('command').selectAll().execute(),
    deliveries: await db.selectFrom('delivery').selectAll().execute(),
    decisions: await db.selectFrom('decision').selectAll().execute(),
    messages: sandbox.messages(),
  }
}
