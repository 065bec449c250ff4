// An MLflow model that only Python can run. It is code: it has the rights of whoever loads it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { InvalidInputError } from '../errors.ts'
import { type Artifact, contentOf } from './artifact.ts'
import type { Predictions } from './batches.ts'
import type { SignatureColumn } from './mlmodel.ts'
import { type Cell, firstOf, isList, type Rows, type RowTable, rowTable } from './rows.ts'
import { type Python, startScoring } from './scoring.ts'
import { UnusableModelError } from './unusable.ts'

const rowsAtOnce = 4096

/** A model that a process of Python runs. `close` ends the process. *Idempotent.* */
export type PyfuncModel = { predict(rows: Rows): Promise<Predictions>; close(): Promise<void> }

/**
 * Starts a process that serves an artifact whose contents were kept, from a private copy: what runs are the very bytes
 * that were hashed (F3). Throws OperatorError and UnusableModelError as {@link startScoring} does.
 */
export async function startPyfunc(
  artifact: Artifact,
  columns: SignatureColumn[] | null,
  python: Python,
): Promise<PyfuncModel> {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-model-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    await writeCopy(artifact, join(folder, 'model'))
    const server = await startScoring(folder, python)
    return {
      predict: (rows) => predict(rows, columns, server.invoke),
      close: () => server.close().then(remove),
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function writeCopy(artifact: Artifact, folder: string): Promise<void> {
  for (const { path } of artifact.files) {
    const place = join(folder, path)
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, contentOf(artifact, path), { flag: 'wx' })
  }
}

async function predict(
  rows: Rows,
  columns: SignatureColumn[] | null,
  invoke: (body: object) => Promise<unknown>,
): Promise<Predictions> {
  const table = rowTable(rows, columns === null ? null : wantedOf(columns, firstOf(rows)))
  const isUnnamed = columns === null && table.isUnnamed
  const answers: number[][] = []
  for (let from = 0; from < table.rows; from += rowsAtOnce) {
    const data = linesOf(table, from, Math.min(from + rowsAtOnce, table.rows))
    const body = isUnnamed ? { inputs: data } : { dataframe_split: { columns: table.columns, data } }
    answers.push(...numbersOf(await invoke(body), data.length))
  }
  const width = answers[0]?.length ?? 1
  if (answers.some((answer) => answer.length !== width))
    throw new UnusableModelError('the model does not answer with as many numbers for each row')
  return { values: Float64Array.from(answers.flat()), width }
}

/** The columns that must be there, and of the others those that are. */
function wantedOf(columns: SignatureColumn[], first: unknown): string[] {
  const isThere = (name: string) => isList(first) || Object.hasOwn(Object(first), name)
  return columns.filter(({ name, required }) => required || isThere(name)).map(({ name }) => name)
}

function linesOf(table: RowTable, from: number, to: number): (string | number | boolean | null)[][] {
  return Array.from({ length: to - from }, (_, index) =>
    table.columns.map((name, column) => asJson(table.cell(from + index, column), from + index, name)),
  )
}

/** What is not a number is null in JSON, which Python reads as missing. */
function asJson(cell: Cell, row: number, column: string): string | number | boolean | null {
  if (cell === undefined || Number.isNaN(cell)) return null
  if (cell === Number.POSITIVE_INFINITY || cell === Number.NEGATIVE_INFINITY)
    throw new InvalidInputError(
      `Row ${row + 1}, column ${column}: the model's process takes no infinite numbers.`,
    )
  return typeof cell === 'bigint' ? Number(cell) : cell
}

const number = z.union([z.number(), z.boolean().transform(Number), z.null().transform(() => Number.NaN)])
const answerOfRow = z.union([
  number.transform((value) => [value]),
  z.array(number),
  z.record(z.string(), number).transform((values) => Object.values(values)),
])
const answerShape = z.object({ predictions: z.array(answerOfRow) })

function numbersOf(answer: unknown, rows: number): number[][] {
  const parsed = answerShape.safeParse(answer)
  if (!parsed.success) throw new UnusableModelError('the model does not answer with numbers, row by row')
  const { predictions } = parsed.data
  if (predictions.length === rows) return predictions
  throw new UnusableModelError(`the model answers ${rows} rows with ${predictions.length} predictions`)
}
