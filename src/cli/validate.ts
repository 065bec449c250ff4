import type { Command } from 'commander'
import { getVersion, type Version, validateVersion } from '../client/api.ts'
import type { Connection } from '../client/call.ts'
import { ApiError } from '../client/errors.ts'
import { type Followed, follow, isChecking } from './follow.ts'
import { jsonOption, urlOption, versionOption } from './options.ts'
import { pickNewest } from './pick.ts'
import type { Result, Screen, Shell } from './shell.ts'
import { hintsFor } from './version-page.ts'
import { paint, show, showStanding } from './words.ts'

/** Adds `greenroom validate`. */
export function addValidate(program: Command, shell: Shell): void {
  program
    .command('validate')
    .description('run the checks of a version again, or watch those that run, and tell how they ended')
    .argument('<name>', 'name of a registered model')
    .addOption(versionOption('which version; the newest when left out'))
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, options: { version?: number }, command: Command) =>
      shell.remote(command, async (to, screen) => {
        const version = await pickNewest(to, screen, name, options.version)
        const before = await startUnlessRunning(to, screen, name, version)
        return concludeChecks(await follow(to, screen, { name, version }, before))
      }),
    )
}

/** What following the checks of a version led to. */
export function concludeChecks({ version, runs, passed }: Followed): Result {
  const { name, version: number, stage, state } = version
  const verdict = passed ? paint('green', 'passed') : paint('red', 'did not pass')
  const ending = runs.length === 0 ? 'was not checked' : verdict
  const none = runs.every((run) => run.checks.length === 0) ? ' (its policy asks for no checks)' : ''
  return {
    done: passed,
    document: { name, version: number, stage, state, passed, validations: runs },
    lines: [
      `${show(name)} version ${number} ${ending}${none} and is in ${showStanding(version)}.`,
      ...hintsFor(version),
    ],
  }
}

/** Gives the version as it was before, so that what had ended then can be told apart. */
async function startUnlessRunning(
  to: Connection,
  screen: Screen,
  name: string,
  number: number,
): Promise<Version> {
  const before = await getVersion(to, name, number)
  if (isChecking(before)) {
    screen.note('Its checks are running already; following them.')
    return before
  }
  try {
    await validateVersion(to, name, number)
  } catch (error) {
    // Somebody else may have started them since we looked.
    const isBusy = error instanceof ApiError && error.code === 'illegal_move'
    if (!isBusy || !isChecking(await getVersion(to, name, number))) throw error
  }
  return before
}
