import type { Command } from 'commander'
import { listModels, type ModelSummary } from '../client/api.ts'
import { jsonOption, urlOption } from './options.ts'
import type { Shell } from './shell.ts'
import { paint, show, showTime, table } from './words.ts'

/** Adds `greenroom models`. */
export function addModels(program: Command, shell: Shell): void {
  program
    .command('models')
    .description('list the registered models')
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((_, command: Command) =>
      shell.remote(command, async (to) => {
        const models = await listModels(to)
        return { done: true, document: { models }, lines: renderModels(models) }
      }),
    )
}

function renderModels(models: ModelSummary[]): string[] {
  if (models.length === 0)
    return ['No model is registered yet; `greenroom register <name> --source <path>` registers one.']
  return table(
    ['MODEL', 'VERSIONS', 'PRODUCTION', 'CHANGED'],
    models.map(({ name, versions, production, updated_at }) => [
      show(name),
      String(versions),
      production.length === 0 ? paint('dim', '–') : paint('green', production.join(', ')),
      showTime(updated_at),
    ]),
  )
}
