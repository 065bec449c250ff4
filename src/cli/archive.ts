import type { Command } from 'commander'
import { archiveVersion } from '../client/api.ts'
import { jsonOption, reasonOption, urlOption, versionOption } from './options.ts'
import type { Shell } from './shell.ts'
import { show, showStanding } from './words.ts'

type Options = { version: number; reason?: string }

/** Adds `greenroom archive`. */
export function addArchive(program: Command, shell: Shell): void {
  program
    .command('archive')
    .description('archive a version')
    .argument('<name>', 'name of a registered model')
    .addOption(versionOption('which version').makeOptionMandatory())
    .addOption(reasonOption('kept in the history'))
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, { version, reason }: Options, command: Command) =>
      shell.remote(command, async (to) => {
        const moved = await archiveVersion(to, name, version, reason)
        const line = `${show(moved.name)} version ${moved.version} is in ${showStanding(moved)}.`
        return { done: true, document: moved, lines: [line] }
      }),
    )
}
