import type { Command } from 'commander'
import { runService } from './service.ts'
import type { Shell } from './shell.ts'

/** Adds `greenroom serve`. */
export function addServe(program: Command, shell: Shell): void {
  program
    .command('serve')
    .description('serve the API, the board and the webhooks')
    .option('--with-workers', 'run the workers in this process too')
    .action(({ withWorkers = false }: { withWorkers?: boolean }, command: Command) =>
      shell.service(command, () => runService({ serve: true, work: withWorkers })),
    )
}
