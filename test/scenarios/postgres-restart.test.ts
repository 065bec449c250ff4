import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, type TestContext } from 'vitest'
import { backends } from '../helpers/backends.ts'
import { type Edit, withMortalDispatcher } from '../helpers/broken-builds.ts'
import { openTestCluster, type TestCluster } from '../helpers/cluster.ts'
import type { Answer } from '../helpers/registrar.ts'
import { openScene, type Scene, type Setting } from '../helpers/scene.ts'

const recoverMs = 20_000
const timeout = 120_000

for (const backend of backends()) {
  describe.skipIf(backend.missing !== null)(
    `a restart of PostgreSQL, with queues on ${backend.name}`,
    { concurrent: true },
    () => {
      for (const how of ['fast', 'immediate'] as const)
        it(`(-m ${how}) loses nothing, and no process needs one too (L7)`, { timeout }, async (context) => {
          const { scene, cluster } = await open(context, { backend: backend.name })
          const whileDown = await restart(scene, cluster, how)
          expect(whileDown).toEqual(whileDown.map(() => ({ status: 503, retryAfter: expect.any(Number) })))
          expect(whileDown.filter(({ retryAfter }) => (retryAfter ?? 61) > 60)).toEqual([])
          await scene.settle(recoverMs)
          expect(await scene.violations()).toEqual([])
          // The server itself was there all the time.
          const answers = scene.registrar.journal.flatMap((entry) => entry.answers)
          expect(answers.filter(({ status }) => status === 0)).toEqual([])
        })
    },
  )
}

it.concurrent('a restart of PostgreSQL is the end of work on a build whose dispatcher does not outlive it', {
  timeout,
}, async (context) => {
  const { scene, cluster } = await open(context, {})
  await restart(scene, cluster, 'fast', withMortalDispatcher)
  await scene.settle(10_000)
  expect(await scene.violations()).toContainEqual(expect.stringMatching(/^L1: .* is pending/))
})

async function open(context: TestContext, setting: Setting): Promise<{ scene: Scene; cluster: TestCluster }> {
  const cluster = await openTestCluster()
  context.onTestFinished(() => cluster.close(), 60_000)
  return { cluster, scene: await openScene(context, { ...setting, cluster }) }
}

/** Takes PostgreSQL away from a deployment at work for two seconds; gives how registrations were answered meanwhile. */
async function restart(
  scene: Scene,
  cluster: TestCluster,
  how: 'fast' | 'immediate',
  edits?: Edit[],
): Promise<Pick<Answer, 'status' | 'retryAfter'>[]> {
  const { registrar } = scene
  await Promise.all([scene.serve(), scene.work(edits)])
  const stream = registrar.stream(100)
  await registrar.deliver(registrar.write({ model: 'spin-1', source: 'spin.onnx', end: 'rejected' }))
  await scene.untilAtWork('spin-1')
  await cluster.stop(how)
  const answers: Answer[] = []
  for (const end = Date.now() + 2_000; Date.now() < end; await sleep(100))
    answers.push(await registrar.send(registrar.write()))
  await cluster.start()
  await stream.stop()
  return answers.map(({ status, retryAfter }) => ({ status, retryAfter }))
}
