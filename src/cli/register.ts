import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type Registered, registerVersion } from '../client/api.ts'
import { follow } from './follow.ts'
import { collectMetric, collectTag, jsonOption, urlOption, versionOption } from './options.ts'
import type { Result, Shell } from './shell.ts'
import { concludeChecks } from './validate.ts'
import { paint, show, showStanding } from './words.ts'

type Options = {
  source: string
  version?: number
  runId?: string
  metric?: Record<string, number>
  tag?: Record<string, string>
  description?: string
  author?: string
  digest?: string
  wait?: boolean
}

/** Adds `greenroom register`. */
export function addRegister(program: Command, shell: Shell): void {
  program
    .command('register')
    .description('register a version, which starts its checks')
    .argument('<name>', 'name of the model; a new one is made')
    .requiredOption('--source <path|uri>', 'where the artifact is, as the server reaches it')
    .addOption(versionOption('the number it must have; the next one when left out'))
    .option('--run-id <id>', 'the run that made it')
    .option('--metric <name=number>', 'what was measured; may be given several times', collectMetric)
    .option('--tag <name=value>', 'a tag; may be given several times', collectTag)
    .option('--description <text>', 'what it is')
    .option('--author <name>', 'who made it; they cannot approve it themselves')
    .option('--digest <sha256:…>', 'of the artifact; a validation that sees another one fails')
    .option('--wait', 'show the checks as they run, and fail when they do')
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, options: Options, command: Command) =>
      shell.remote(command, async (to, screen) => {
        const registered = await registerVersion(to, name, {
          source: absolute(options.source),
          version: options.version,
          run_id: options.runId,
          metrics: options.metric,
          tags: options.tag,
          description: options.description,
          author: options.author,
          digest: options.digest,
        })
        if (options.wait !== true) return concludeRegistration(registered)
        screen.note(describeRegistration(registered))
        const result = concludeChecks(await follow(to, screen, registered, null))
        return { ...result, document: { outcome: registered.outcome, ...(result.document as object) } }
      }),
    )
}

function concludeRegistration(registered: Registered): Result {
  return {
    done: true,
    document: registered,
    lines: [`${describeRegistration(registered)} It is in ${showStanding(registered)}.`],
  }
}

function describeRegistration({ outcome, name, version }: Registered): string {
  const what = `${show(name)} version ${version}`
  return outcome === 'registered'
    ? `${paint('green', '✔')} ${what} is registered.`
    : `${what} was registered before; nothing was changed.`
}

/** A path to a file that is there, from the root on: the server has another working directory than we have. */
function absolute(source: string): string {
  return existsSync(source) ? resolve(source) : source
}
