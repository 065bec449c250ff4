import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, type TestContext } from 'vitest'
import { type Edit, withPatientConnections } from '../helpers/broken-builds.ts'
import { openScene, type Scene } from '../helpers/scene.ts'

// A statement may take 20 seconds, and another one may have to fail after it.
const recoverMs = 60_000
const brokenMs = 40_000
const timeout = 120_000

it.concurrent('a database host that vanishes without a word, and comes back, costs time and nothing else (L7, Q2)', {
  timeout,
}, async (context) => {
  const scene = await goSilent(context)
  await scene.settle(recoverMs)
  expect(await scene.violations()).toEqual([])
})

it.concurrent('it is the end of work on a build that waits for its answer', {
  timeout,
}, async (context) => {
  const scene = await goSilent(context, withPatientConnections)
  await scene.settle(brokenMs)
  expect(await scene.violations()).toContainEqual(expect.stringMatching(/^L1: .* is (pending|queued)/))
})

/** Leaves a deployment at work with connections on which no answer ever comes, while new ones are sound. */
async function goSilent(context: TestContext, edits?: Edit[]): Promise<Scene> {
  const scene = await openScene(context, { byLine: true })
  const { registrar, line } = scene
  await Promise.all([scene.serve(), scene.work(edits)])
  const stream = registrar.stream(100)
  await sleep(3_000)
  line?.silence()
  await sleep(1_000)
  await stream.stop()
  return scene
}
