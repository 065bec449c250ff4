import type { Command } from 'commander'
import { getModel, getVersion, type Model } from '../client/api.ts'
import { jsonOption, urlOption, versionOption } from './options.ts'
import type { Shell } from './shell.ts'
import { renderVersion } from './version-page.ts'
import { paint, show, showMetrics, showStage, showTime, table } from './words.ts'

const mostVersions = 20
const mostMetrics = 3

/** Adds `greenroom info`. */
export function addInfo(program: Command, shell: Shell): void {
  program
    .command('info')
    .description('show a model and its versions, or one version with its checks and its approval')
    .argument('<name>', 'name of a registered model')
    .addOption(versionOption('show this version in full'))
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, { version }: { version?: number }, command: Command) =>
      shell.remote(command, async (to) => {
        if (version !== undefined) {
          const document = await getVersion(to, name, version)
          return { done: true, document, lines: renderVersion(document) }
        }
        const model = await getModel(to, name, { limit: mostVersions })
        return { done: true, document: model, lines: renderModel(model) }
      }),
    )
}

function renderModel(model: Model): string[] {
  const rows = model.versions.map((version) => [
    String(version.version),
    showStage(version.stage),
    show(version.state),
    version.author === null ? paint('dim', '–') : show(version.author),
    showMetrics(version.metrics, mostMetrics) || paint('dim', '–'),
    showTime(version.created_at),
  ])
  const older = model.next_before === null ? [] : [paint('dim', 'Older versions are not shown.')]
  return [
    paint('bold', show(model.name)),
    ...(model.description === null ? [] : [show(model.description)]),
    '',
    ...table(['VERSION', 'STAGE', 'STATE', 'AUTHOR', 'METRICS', 'REGISTERED'], rows),
    ...older,
  ]
}
