import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, it } from 'vitest'
import { type Edit, withoutSweeper, withQueueInTheRequest } from '../helpers/broken-builds.ts'
import type { Answer, Entry } from '../helpers/registrar.ts'
import { openScene, type Scene, type Setting } from '../helpers/scene.ts'
import { until } from '../helpers/until.ts'

const recoverMs = 20_000
// What a sound build needs, and more.
const brokenMs = 12_000
const timeout = 120_000
const missing = inject('available').redis
const backend = 'Redis'
const notOurs = 'this Redis is not ours to stop; install redis-server for a run of this test'

// One after another, for how long an answer takes is measured.
describe.skipIf(missing !== null)('with the queues on Redis', () => {
  it('FLUSHALL ten times in the middle loses nothing (L2)', { timeout }, async (context) => {
    const scene = await openScene(context, oneAtATime)
    expect(await flushTenTimes(scene)).toEqual([])
  })

  it('a restart of Redis holds up no registration, and all are done once it is back (L3)', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context, { backend })
    const outage = scene.redis?.outage
    if (outage == null) return context.skip(notOurs)
    await Promise.all([scene.serve(), scene.work()])
    const stream = scene.registrar.stream(50)
    await sleep(500)
    await outage.stop()
    await sleep(3_000)
    await stream.stop()
    await outage.start()
    await scene.settle(recoverMs)
    expect(await scene.violations()).toEqual([])
    expect(promptness(scene.registrar.journal)).toEqual({ refused: [], p99IsBelow1s: true })
  })

  it('Redis may be down when server and workers start (L3)', { timeout }, async (context) => {
    const scene = await openScene(context, { backend })
    const outage = scene.redis?.outage
    if (outage == null) return context.skip(notOurs)
    await outage.stop()
    await Promise.all([scene.serve(), scene.work()])
    const stream = scene.registrar.stream(50)
    await sleep(2_000)
    await stream.stop()
    await outage.start()
    await scene.settle(recoverMs)
    expect(await scene.violations()).toEqual([])
    expect(promptness(scene.registrar.journal)).toEqual({ refused: [], p99IsBelow1s: true })
  })
})

describe.skipIf(missing !== null)('on a build that is broken on purpose', { concurrent: true }, () => {
  it('without a sweeper FLUSHALL loses commands', { timeout }, async (context) => {
    const scene = await openScene(context, oneAtATime)
    expect(await flushTenTimes(scene, withoutSweeper)).toContainEqual(
      expect.stringMatching(/^L1: .* is queued/),
    )
  })

  it('registrations that wait for the queue are not taken while Redis is down', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context, { backend })
    const outage = scene.redis?.outage
    if (outage == null) return context.skip(notOurs)
    await outage.stop()
    await scene.serve(withQueueInTheRequest)
    await Promise.all(Array.from({ length: 5 }, () => scene.registrar.send(scene.registrar.write())))
    expect(promptness(scene.registrar.journal).refused).not.toEqual([])
  })
})

// So that one slow check keeps the others waiting in the queue.
const oneAtATime: Setting = { backend, environment: { GREENROOM_CHECK_CONCURRENCY: '1' } }

async function flushTenTimes(scene: Scene, edits?: Edit[]): Promise<string[]> {
  const { registrar } = scene
  await Promise.all([scene.serve(), scene.work(edits)])
  await registrar.deliver(registrar.write({ model: 'spin-1', source: 'spin.onnx', end: 'rejected' }))
  await scene.untilAtWork('spin-1')
  const stream = registrar.stream(100)
  await until(async () => (await countQueued(scene)) > 10)
  for (let flush = 0; flush < 10; flush++) {
    await scene.redis?.flushAll()
    await sleep(200)
  }
  await stream.stop()
  await scene.settle(edits === undefined ? recoverMs : brokenMs)
  return scene.violations()
}

async function countQueued({ db }: Scene): Promise<number> {
  return (await db.selectFrom('command').select('id').where('status', '=', 'queued').execute()).length
}

function promptness(journal: Entry[]): { refused: Answer[]; p99IsBelow1s: boolean } {
  const answers = journal.flatMap((entry) => entry.answers)
  const slowest = answers.map(({ ms }) => ms).toSorted((a, b) => b - a)
  const p99 = slowest[Math.floor(slowest.length / 100)] ?? Number.NaN
  return { refused: answers.filter(({ status }) => status !== 200), p99IsBelow1s: p99 < 1_000 }
}
