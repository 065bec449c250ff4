import { type Command, Option } from 'commander'
import { type Decided, getVersion, promoteVersion } from '../client/api.ts'
import { describeDecision } from './answer.ts'
import { follow } from './follow.ts'
import { jsonOption, reasonOption, urlOption, versionOption } from './options.ts'
import { pickStaged } from './pick.ts'
import type { Result, Shell } from './shell.ts'
import { hintsFor } from './version-page.ts'
import { show, showStanding } from './words.ts'

type Options = { version?: number; archiveExisting?: boolean; reason?: string; wait?: boolean }

/** Adds `greenroom promote`. */
export function addPromote(program: Command, shell: Shell): void {
  program
    .command('promote')
    .description('ask for the promotion of a version; from an approver, once people are asked, a decision')
    .argument('<name>', 'name of a registered model')
    .addOption(versionOption('which version; the newest in Staging when left out'))
    .addOption(new Option('--archive-existing', 'archive what is in Production, whatever the policy says'))
    .addOption(new Option('--no-archive-existing', 'leave what is in Production beside it'))
    .addOption(reasonOption('kept in the history'))
    .option('--wait', 'wait until it is in Production or cannot go there')
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, options: Options, command: Command) =>
      shell.remote(command, async (to, screen) => {
        const version = await pickStaged(to, screen, name, options.version)
        const before = await getVersion(to, name, version)
        const wish = { archive_existing: options.archiveExisting, reason: options.reason }
        const decided = await promoteVersion(to, name, version, wish)
        if (options.wait !== true || isEnd(decided)) return conclude(decided)
        screen.note(describeDecision(decided))
        const followed = await follow(to, screen, { name, version }, before, true)
        return concludeWaiting(decided, followed.version)
      }),
    )
}

function isEnd({ outcome }: Decided): boolean {
  return outcome === 'promoted' || outcome === 'moved' || outcome === 'already_live'
}

function conclude(decided: Decided): Result {
  return { done: true, document: decided, lines: [describeDecision(decided)] }
}

function concludeWaiting(
  decided: Decided,
  ending: { name: string; version: number; stage: string; state: string },
): Result {
  const { name, version, stage, state } = ending
  return {
    done: stage === 'Production',
    document: { ...decided, stage, state },
    lines: [`${show(name)} version ${version} is in ${showStanding(ending)}.`, ...hintsFor(ending)],
  }
}
