import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { OperatorError } from '../errors.ts'
import { jsonOption } from './options.ts'
import type { Result, Shell } from './shell.ts'
import { paint, show } from './words.ts'

/** Adds `greenroom policy check`. */
export function addPolicy(program: Command, shell: Shell): void {
  const policy = program.command('policy').description('work with policy files')
  policy
    .command('check')
    .description('check a policy file, and name each fault with its line; needs no server')
    .argument('[file]', 'the file; GREENROOM_POLICY or greenroom.yaml when left out')
    .addOption(jsonOption())
    .action((file: string | undefined, _, command: Command) =>
      shell.local(command, () =>
        checkPolicy(file ?? (process.env.GREENROOM_POLICY?.trim() || 'greenroom.yaml')),
      ),
    )
}

async function checkPolicy(file: string): Promise<Result> {
  if (!existsSync(file)) throw new OperatorError(`There is no file ${file}; name the policy file to check.`)
  const { readPolicy } = await import('../policy/load.ts')
  try {
    readPolicy(file)
    return {
      done: true,
      document: { file, valid: true, faults: [] },
      lines: [
        `${paint('green', '✔')} ${show(file)} is a valid policy.`,
        'Servers and workers that run have the one they were started with; restart them to have this one hold.',
      ],
    }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const faults = error.message.split('\n')
    return { done: false, document: { file, valid: false, faults }, lines: faults.map(show) }
  }
}
