import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { loadThrough, type Model, type Which } from '../client/load-model.ts'
import { OperatorError } from '../errors.ts'
import { type Stage, stages } from '../machines/stages.ts'
import type { Cell, Rows } from '../runtimes/rows.ts'
import { evenRecords, tableOf, textOf } from '../runtimes/table.ts'
import { jsonOption, urlOption, versionOption } from './options.ts'
import type { Result, Screen, Shell } from './shell.ts'
import { show } from './words.ts'

type Row = Rows[number]
type Options = { stage?: Stage; version?: number; alias?: string; data?: string; row?: Row[] }

/** Adds `greenroom predict`. */
export function addPredict(program: Command, shell: Shell): void {
  program
    .command('predict')
    .description('load a version here and predict rows with it, one line for each')
    .argument('<name>', 'name of a registered model')
    .addOption(
      new Option('--stage <stage>', 'the newest version in this stage; Production when nothing is said')
        .choices(stages)
        .conflicts(['version', 'alias']),
    )
    .addOption(versionOption('this version').conflicts('alias'))
    .option('--alias <name>', 'the version that this alias names')
    .addOption(
      new Option('--data <file>', 'a CSV file whose first line names the columns; - for stdin').conflicts(
        'row',
      ),
    )
    .option(
      '--row <json>',
      'a row: an object, or an array of numbers; may be given several times',
      collectRow,
    )
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((name: string, options: Options, command: Command) => {
      if (options.data === undefined && options.row === undefined)
        command.error("error: rows are needed: option '--data <file>' or '--row <json>'")
      return shell.remote(command, async (to, screen) => {
        const model = await loadThrough(to, name, whichOf(options), process.env)
        try {
          return await predict(model, options, screen)
        } finally {
          await model.close()
        }
      })
    })
}

function whichOf({ stage, version, alias }: Options): Which {
  if (version !== undefined) return { version }
  return alias === undefined ? { stage: stage ?? 'Production' } : { alias }
}

async function predict(model: Model, { data, row }: Options, screen: Screen): Promise<Result> {
  const { name, version, stage, digest, verified } = model
  screen.note(`Predicting with version ${version} of ${show(name)}, in ${stage}.`)
  if (!verified)
    screen.note('No digest of it is recorded, so nobody can tell whether it is what was registered.')
  const rows = row ?? (await readRows(data ?? '-', model))
  const predictions = perRow(await model.predict(rows as Rows), rows.length)
  return {
    done: true,
    document: { name, version, stage, digest, verified, predictions },
    lines: predictions.map(String),
  }
}

/** One number for each row, or a list of those that the model answers with. */
function perRow(values: Float64Array, rows: number): (number | number[])[] {
  const width = values.length / rows
  if (width === 1) return [...values]
  return Array.from({ length: rows }, (_, row) => [...values.subarray(row * width, (row + 1) * width)])
}

/** The rows of a CSV file, in which what looks like a number is one, but where the model wants text. */
async function readRows(file: string, { columns }: Model): Promise<Record<string, Cell>[]> {
  const named = file === '-' ? 'the input' : file
  const table = tableOf(textOf(await contentOf(file), named), named)
  const { header } = table
  const isText = header.map((name) => columns?.find((column) => column.name === name)?.type === 'string')
  return Array.from(evenRecords(table), ({ cells }) =>
    Object.fromEntries(header.map((name, index) => [name, cellOf(cells[index] ?? '', isText[index])])),
  )
}

async function contentOf(file: string): Promise<Uint8Array> {
  if (file === '-') return buffer(process.stdin)
  try {
    return await readFile(file)
  } catch (error) {
    throw new OperatorError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function cellOf(written: string, isText = false): Cell {
  if (isText) return written
  const number = written.trim() === '' ? null : Number(written)
  return Number.isNaN(number) ? written : number
}

function collectRow(written: string, before: Row[] = []): Row[] {
  try {
    const row: unknown = JSON.parse(written)
    if (typeof row === 'object' && row !== null) return [...before, row as Row]
  } catch {
    // Told like any other text that is no row.
  }
  throw new InvalidArgumentError('It must be JSON: an object such as {"a":1}, or an array of numbers.')
}
