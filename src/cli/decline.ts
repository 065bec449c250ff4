import type { Command } from 'commander'
import { answerTarget } from './answer.ts'
import { jsonOption, reasonOption, urlOption, versionOption } from './options.ts'
import type { Shell } from './shell.ts'

type Options = { version?: number; reason: string }

/** Adds `greenroom decline`. */
export function addDecline(program: Command, shell: Shell): void {
  program
    .command('decline')
    .description('decline what waits for approval')
    .argument('<id|name>', 'an approval request, or a model with a version that waits')
    .addOption(versionOption('which version, where several wait'))
    .addOption(reasonOption('what would have to change').makeOptionMandatory())
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((idOrName: string, { version, reason }: Options, command: Command) =>
      shell.remote(command, (to, screen) =>
        answerTarget(to, screen, { idOrName, version }, 'decline', reason),
      ),
    )
}
