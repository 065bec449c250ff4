import type { Command } from 'commander'
import { runService } from './service.ts'
import type { Shell } from './shell.ts'

/** Adds `greenroom work`. */
export function addWork(program: Command, shell: Shell): void {
  program
    .command('work')
    .description('run the workers, which make the checks and tell people')
    .action((_, command: Command) => shell.service(command, () => runService({ serve: false, work: true })))
}
