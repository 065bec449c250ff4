import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { backends } from '../helpers/backends.ts'
import { type Edit, withoutFence, withoutSweeper } from '../helpers/broken-builds.ts'
import { openScene, type Scene } from '../helpers/scene.ts'
import { until } from '../helpers/until.ts'

const recoverMs = 20_000
// What a sound build needs, and more.
const brokenMs = 14_000
const timeout = 120_000

/** A model whose check takes its time, and others that arrive around it. */
const slow = { model: 'spin-1', source: 'spin.onnx', end: 'rejected' } as const
const others = (index: number) => ({ score: index % 5 === 0 ? -1 : 1 })

for (const backend of backends()) {
  describe.skipIf(backend.missing !== null)(
    `kill -9 of the worker, with queues on ${backend.name}`,
    { concurrent: true },
    () => {
      it('in the middle of a check, twice in a row, loses nothing (L4)', { timeout }, async (context) => {
        const scene = await openScene(context, { backend: backend.name })
        const { registrar } = scene
        const [first] = await Promise.all([scene.work(), scene.serve()])
        const stream = registrar.stream(200, others)
        await registrar.deliver(registrar.write(slow))
        await scene.untilAtWork(slow.model)
        await first.kill()
        const second = await scene.work()
        await scene.untilAtWork(slow.model, 2)
        await stream.stop()
        await second.kill()
        await scene.work()
        await scene.settle(recoverMs)
        expect(await scene.violations()).toEqual([])
      })

      it('after Slack took a message, and before that was noted, posts no second one (L6, V12)', {
        timeout,
      }, async (context) => {
        const scene = await openScene(context, { backend: backend.name })
        expect(await loseAnswerOfSlack(scene)).toEqual([])
      })

      it('that is only asleep keeps what it finds later out of the record (V9)', {
        timeout,
      }, async (context) => {
        const scene = await openScene(context, { backend: backend.name })
        expect(await oversleep(scene)).toEqual([])
      })
    },
  )
}

describe.concurrent('on a build that is broken on purpose', () => {
  it('without a sweeper the same kill loses a message', { timeout }, async (context) => {
    const scene = await openScene(context)
    expect(await loseAnswerOfSlack(scene, withoutSweeper)).toContainEqual(
      expect.stringMatching(/^L1: postRequest/),
    )
  })

  it('without the fence the late finding is recorded', { timeout }, async (context) => {
    const scene = await openScene(context)
    expect(await oversleep(scene, withoutFence)).toContainEqual(
      expect.stringMatching(/^V9: a check of spin-1/),
    )
  })
})

/** Kills a worker while it waits for Slack's answer to a message that stands in the channel already. */
async function loseAnswerOfSlack(scene: Scene, edits?: Edit[]): Promise<string[]> {
  scene.sandbox.fail({ method: 'chat.postMessage', fault: { kind: 'hang', applied: true } })
  const [worker] = await Promise.all([scene.work(edits), scene.serve()])
  await scene.registrar.deliver(scene.registrar.write())
  await until(() => scene.sandbox.messages().length === 1)
  await worker.kill()
  await scene.work(edits)
  await scene.settle(edits === undefined ? recoverMs : brokenMs)
  return scene.violations()
}

/** Lets a worker sleep in the middle of a check until another one has made it. */
async function oversleep(scene: Scene, edits?: Edit[]): Promise<string[]> {
  const [worker] = await Promise.all([scene.work(edits), scene.serve()])
  await scene.registrar.deliver(scene.registrar.write(slow))
  await scene.untilAtWork(slow.model)
  // Into the model: a worker that sleeps while it connects to the database takes that for an outage, and finds nothing.
  await sleep(1_000)
  worker.freeze()
  await scene.work()
  // What the broken build shows is shown only when the other worker was first, however long that takes.
  await scene.settle(edits === undefined ? recoverMs : 2 * recoverMs)
  const before = worker.lines.length
  worker.thaw()
  await until(() => worker.lines.slice(before).some((line) => line.includes(slow.model)))
  if (edits === undefined) await sleep(2_000)
  else await until(async () => (await scene.violations()).length > 0)
  return scene.violations()
}
