import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { backends } from '../helpers/backends.ts'
import { type Edit, withAbruptStop } from '../helpers/broken-builds.ts'
import type { Ending, Service } from '../helpers/processes.ts'
import { openScene, type Scene } from '../helpers/scene.ts'

const timeout = 150_000
// Shorter than the slow check takes, so that one in progress is given back.
const shutdownMs = 1_000
// Beyond the time for jobs: what HTTP and the connections take to let go.
const graceMs = 10_000

for (const backend of backends()) {
  describe.skipIf(backend.missing !== null)(
    `SIGTERM under load, with queues on ${backend.name}`,
    { concurrent: true },
    () => {
      it('rolls server and worker over five times without a loss, and makes no check twice (L14)', {
        timeout,
      }, async (context) => {
        const scene = await openScene(context, {
          backend: backend.name,
          environment: { GREENROOM_SHUTDOWN_TIMEOUT: `${shutdownMs}ms` },
        })
        const { endings, services } = await rollOver(scene, 5)
        expect(endings.filter(({ code, ms }) => code !== 0 || ms > shutdownMs + graceMs)).toEqual([])
        expect(await scene.violations()).toEqual([])
        expect(completedTwice(services)).toEqual([])
        expect(await abandoned(scene)).toEqual([])
      })
    },
  )
}

describe('SIGTERM on a build that just ends', { concurrent: true }, () => {
  it('leaves a check to be found by the sweeper', { timeout }, async (context) => {
    const scene = await openScene(context)
    await rollOver(scene, 1, withAbruptStop)
    expect(await abandoned(scene)).not.toEqual([])
  })
})

/**
 * Replaces server and worker so many times under a stream of registrations: by starting the new ones first, but the
 * last time in the middle of a slow check, with nobody else there to take over.
 */
async function rollOver(
  scene: Scene,
  times: number,
  edits?: Edit[],
): Promise<{ endings: Ending[]; services: Service[] }> {
  const services: Service[] = []
  const endings: Ending[] = []
  const startBoth = async () =>
    void services.push(...(await Promise.all([scene.serve(edits), scene.work(edits)])))
  const stopBoth = async (pair: Service[]) =>
    void endings.push(...(await Promise.all(pair.map((service) => service.stop()))))
  const { registrar } = scene
  await startBoth()
  const stream = registrar.stream(100)
  for (let time = 1; time < times; time++) {
    await sleep(300)
    const old = services.slice(-2)
    await startBoth()
    await stopBoth(old)
  }
  await registrar.deliver(registrar.write({ model: 'spin-1', source: 'spin.onnx', end: 'rejected' }))
  await scene.untilAtWork('spin-1')
  await stopBoth(services.slice(-2))
  await startBoth()
  await stream.stop()
  await scene.settle(20_000)
  return { endings, services }
}

/** The checks that were made to their end more than once, by what all workers have written. */
function completedTwice(services: Service[]): string[] {
  const ends = services.flatMap(({ lines }) =>
    lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ level, command }) => level === 'info' && command === 'runCheck')
      .map(({ model, version }) => `${model} ${version}`),
  )
  return ends.filter((end, index) => ends.indexOf(end) !== index)
}

/** Commands whose worker went away without giving them back. */
async function abandoned({ db }: Scene): Promise<string[]> {
  const rows = await db.selectFrom('command').select(['kind', 'model']).where('failures', '>', 0).execute()
  return rows.map(({ kind, model }) => `${kind} ${model}`)
}
