import type { Command } from 'commander'
import { Option } from 'commander'
import { type HistoryEvent, readHistory } from '../client/api.ts'
import { jsonOption, parseLimit, urlOption, versionOption } from './options.ts'
import type { Shell } from './shell.ts'
import { paint, show, showStanding, showTime, table } from './words.ts'

type Options = { version?: number; limit: number }

/** Adds `greenroom history`. */
export function addHistory(program: Command, shell: Shell): void {
  program
    .command('history')
    .description('show what happened to a model: who did what, through which channel and why')
    .argument('<name>', 'name of a registered model')
    .addOption(versionOption('only what happened to this version'))
    .addOption(
      new Option('--limit <number>', 'how many of the newest rows').default(50).argParser(parseLimit),
    )
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, { version, limit }: Options, command: Command) =>
      shell.remote(command, async (to, screen) => {
        const { events, intact } = await readHistory(to, name, version)
        const newest = events.slice(-limit)
        if (newest.length < events.length)
          screen.note(`The newest ${newest.length} of ${events.length} rows; --limit shows more.`)
        if (!intact)
          screen.note(`The history of ${show(name)} was tampered with: its chain of hashes is broken.`)
        return { done: intact, document: { name, events: newest, intact }, lines: renderHistory(newest) }
      }),
    )
}

function renderHistory(events: HistoryEvent[]): string[] {
  if (events.length === 0) return ['Nothing has happened yet.']
  return table(
    ['#', 'TIME', 'VERSION', 'WHAT', 'NOW', 'WHO', 'WHY'],
    events.map(({ seq, at, version, type, to, actor, channel, reason }) => [
      String(seq),
      showTime(at),
      version === null ? '' : String(version),
      show(type),
      to === null ? '' : showStanding(to),
      `${show(actor)} ${paint('dim', `(${show(channel)})`)}`,
      show(reason ?? ''),
    ]),
  )
}
