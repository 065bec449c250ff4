// Watching a version while its checks run, and then while people decide.
import { setTimeout as sleep } from 'node:timers/promises'
import { getVersion, type Validation, type Version } from '../client/api.ts'
import type { Connection } from '../client/call.ts'
import { openProgress } from './progress.ts'
import type { Screen } from './shell.ts'

/**
 * Where a version came to rest, and what was run of its checks on the way, oldest first; nothing where its policy has
 * no checks and no gate, which counts as passed.
 */
export type Followed = { version: Version; runs: Validation[]; passed: boolean }

const frameMs = 100
const framesPerLook = 3
// Longer than most checks take; shorter than anybody watches a screen on which nothing happens.
const patienceMs = 20_000

/**
 * Shows the checks of a version as they run, until it has come to rest. Runs that had ended `before` are left out.
 * With `decision`, waiting for people is no rest.
 */
export async function follow(
  to: Connection,
  screen: Screen,
  ref: { name: string; version: number },
  before: Version | null,
  decision = false,
): Promise<Followed> {
  const old = new Set(before?.validations.filter((run) => run.status !== 'running').map((run) => run.id))
  const progress = openProgress(screen.stream)
  const patience = watchPatience(screen)
  let told = false
  for (;;) {
    const version = await getVersion(to, ref.name, ref.version)
    const runs = version.validations.filter((run) => !old.has(run.id)).reverse()
    if (isChecking(version)) {
      for (let frame = 0; frame < framesPerLook; frame++) {
        progress.show(runs)
        await sleep(frameMs)
      }
      patience.look(runs)
      continue
    }
    progress.end(runs)
    if (!decision || version.state !== 'awaitingApproval')
      return { version, runs, passed: runs.every((run) => run.status === 'passed') }
    if (!told)
      screen.note('People are asked; waiting for their answer. Ctrl-C ends the waiting, not the request.')
    told = true
    await sleep(frameMs * framesPerLook)
  }
}

/** Whether checks of a version are running. *Pure.* */
export function isChecking({ state }: Pick<Version, 'state'>): boolean {
  return state === 'validating' || state === 'testing'
}

function watchPatience(screen: Screen): { look(runs: Validation[]): void } {
  let ended = -1
  let since = Date.now()
  let told = false
  return {
    look: (runs) => {
      const count = runs.flatMap((run) => run.checks).filter((check) => check.verdict !== null).length
      if (count !== ended) since = Date.now()
      ended = count
      if (told || Date.now() - since < patienceMs) return
      screen.note(
        `No check has ended for ${patienceMs / 1_000} s. Checks run only while there are workers: \`greenroom work\`.`,
      )
      told = true
    },
  }
}
