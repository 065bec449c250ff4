import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, type TestContext } from 'vitest'
import { type Edit, withoutTimeLimit } from '../helpers/broken-builds.ts'
import type { Wish } from '../helpers/registrar.ts'
import { openScene, type Scene } from '../helpers/scene.ts'
import { until } from '../helpers/until.ts'

const timeout = 120_000
// After each model its process is replaced; what that takes is no part of what is measured.
const warmUpMs = 1_000
// On two cores a model that computes without end takes one of them; still far less than waiting for its end.
const busyMs = 1_000
const spinning: Wish = { model: 'spin-1', source: 'spin.onnx', end: 'rejected' }
const bloating: Wish = { model: 'smoke-1', source: 'bloat.onnx', end: 'stuck' }

it('a model that hangs and one that bursts its process end with a clear sentence, and hold up no good one (L8)', {
  timeout,
}, async (context) => {
  const scene = await openWithTwoSandboxes(context)
  const normal = await timeToStaging(scene)
  await poison(scene, spinning)
  const besideHanging = await timeToStaging(scene)
  await until(async () => (await standings(scene)).get('spin-1')?.state === 'rejected')
  await poison(scene, bloating)
  const besideBursting = await timeToStaging(scene)
  await scene.settle(30_000)

  const bound = Math.max(2 * normal, busyMs)
  expect({ normal, besideHanging, besideBursting }).toSatisfy(
    () => besideHanging <= bound && besideBursting <= bound,
  )
  expect(await scene.violations()).toEqual([])
  const ends = await standings(scene)
  expect(ends.get('spin-1')?.why).toMatch(/^smoke: the model did not answer within 3 s$/)
  expect(ends.get('smoke-1')?.why).toMatch(/^smoke: the model's process ran out of memory at [\d.]+ GB$/)
})

it('a model that hangs never ends on a build without a time limit', { timeout }, async (context) => {
  const scene = await openWithTwoSandboxes(context, withoutTimeLimit)
  await poison(scene, spinning)
  await scene.settle(6_000)
  expect(await scene.violations()).toContainEqual(expect.stringMatching(/^L1: spin-1 is None.validating/))
})

async function openWithTwoSandboxes(context: TestContext, edits?: Edit[]): Promise<Scene> {
  const scene = await openScene(context, { environment: { GREENROOM_SANDBOXES: '2' } })
  await Promise.all([scene.serve(), scene.work(edits)])
  return scene
}

async function poison(scene: Scene, wish: Wish): Promise<void> {
  const { model } = await deliver(scene, wish)
  await scene.untilAtWork(model)
}

/** Milliseconds from the webhook of a good model, which is loaded and run, to its approval request; the better of two. */
async function timeToStaging(scene: Scene): Promise<number> {
  const times: number[] = []
  for (const name of ['one', 'another']) {
    await sleep(warmUpMs)
    const started = performance.now()
    const { model } = await deliver(scene, { model: `smoke-${name}-${started}` })
    await until(async () => (await standings(scene)).get(model)?.state === 'awaitingApproval')
    times.push(performance.now() - started)
  }
  return Math.min(...times)
}

async function deliver({ registrar }: Scene, wish: Wish): Promise<{ model: string }> {
  const entry = registrar.write(wish)
  await registrar.deliver(entry)
  return entry
}

/** Where each model's version stands, and why, by its history. */
async function standings({ db }: Scene): Promise<Map<string, { state: string | null; why: string | null }>> {
  const events = await db.selectFrom('event').select(['model', 'to_state', 'reason']).orderBy('seq').execute()
  return new Map(events.map(({ model, to_state: state, reason: why }) => [model, { state, why }]))
}
