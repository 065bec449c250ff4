// Tables of numbers in CSV files: the hold-out data that the operator has put there. Faults in them are the
// operator's to mend, never the model's.
import { open, realpath } from 'node:fs/promises'
import { isAbsolute, resolve } from 'node:path'
import { sha256 } from '../canonical-json.ts'
import { OperatorError } from '../errors.ts'
import { type CsvRecord, parseCsv } from './csv.ts'

/** The largest table that is read, in bytes. */
export const maxTableBytes = 128 * 1024 ** 2

/** A table whose rows are not parsed yet. `file` is its name as given, `digest` that of its bytes. */
export type Table = { file: string; digest: string; header: string[]; records: Iterable<CsvRecord> }

/**
 * Opens the CSV file at `file`; a relative path is looked for in each of `roots` in turn.
 * Throws OperatorError when it is not there, not UTF-8, too large, or has no proper header.
 */
export async function openTable(file: string, roots: string[]): Promise<Table> {
  const content = await readBytes(file, roots)
  return { ...tableOf(textOf(content, file), file), digest: sha256(content) }
}

/** A table from CSV text: the first record names the columns. Throws OperatorError on a header in disorder. *Pure.* */
export function tableOf(text: string, file: string): Omit<Table, 'digest'> {
  const records = parseCsv(text, file)
  const first = records.next()
  const header = first.done ? [] : first.value.cells.map((name) => name.trim())
  if (header.length === 0) throw new OperatorError(`${file} is empty; its first line must name the columns`)
  const twice = header.find((name, index) => header.indexOf(name) !== index)
  if (twice !== undefined) throw new OperatorError(`${file} has two columns ${JSON.stringify(twice)}`)
  return { file, header, records }
}

/**
 * The numbers of the columns named, for up to `maxRows` rows; cells of other columns may hold anything. Consumes the
 * table. Throws OperatorError, naming line and column, on a cell that is not a number.
 */
export function numbersOf(
  { file, header, records }: Omit<Table, 'digest'>,
  columns: string[],
  maxRows = Number.POSITIVE_INFINITY,
): Map<string, Float64Array> {
  requireColumns({ file, header }, columns)
  const wanted = [...new Set(columns)].map((name) => ({
    name,
    index: header.indexOf(name),
    values: [] as number[],
  }))
  let rows = 0
  for (const { line, cells } of evenRecords({ file, header, records })) {
    if (rows === maxRows) break
    for (const { name, index, values } of wanted) {
      const value = numberOf(cells[index] ?? '')
      if (value === null)
        throw new OperatorError(`${file} line ${line}, column ${name}: ${shown(cells[index])}`)
      values.push(value)
    }
    rows += 1
  }
  if (rows === 0) throw new OperatorError(`${file} has a header and no rows`)
  return new Map(wanted.map(({ name, values }) => [name, Float64Array.from(values)]))
}

/** Throws OperatorError, naming the columns there are, unless the table has all that are named. *Pure.* */
export function requireColumns({ file, header }: Pick<Table, 'file' | 'header'>, columns: string[]): void {
  const missing = columns.find((column) => !header.includes(column))
  if (missing !== undefined)
    throw new OperatorError(`${file} has no column ${JSON.stringify(missing)}; it has ${header.join(', ')}`)
}

/** The records of a table. Consumes it. Throws OperatorError on one with another number of cells than the header. */
export function* evenRecords({ file, header, records }: Omit<Table, 'digest'>): Generator<CsvRecord> {
  for (const { line, cells } of records) {
    if (cells.length !== header.length)
      throw new OperatorError(
        `${file} line ${line} has ${cells.length} cells; the header has ${header.length}`,
      )
    yield { line, cells }
  }
}

function numberOf(text: string): number | null {
  const trimmed = text.trim()
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed)) return null
  const value = Number(trimmed)
  return Number.isFinite(value) ? value : null
}

function shown(cell: string | undefined): string {
  return cell?.trim() ? `${JSON.stringify(cell.slice(0, 40))} is not a number` : 'the cell is empty'
}

async function readBytes(file: string, roots: string[]): Promise<Buffer> {
  const handle = await open(await find(file, roots)).catch((error: Error) => {
    throw new OperatorError(`${file} cannot be read: ${error.message}`)
  })
  try {
    const status = await handle.stat()
    if (!status.isFile()) throw new OperatorError(`${file} is not a regular file`)
    if (status.size > maxTableBytes)
      throw new OperatorError(
        `${file} is larger than ${maxTableBytes / 1024 ** 2} MiB; use a sample of its rows`,
      )
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

async function find(file: string, roots: string[]): Promise<string> {
  const places = isAbsolute(file) ? [file] : roots.map((root) => resolve(root, file))
  for (const place of places) {
    const found = await realpath(place).catch(() => null)
    if (found !== null) return found
  }
  const next = isAbsolute(file)
    ? 'put it there, or correct the path in the policy'
    : `looked for ${places.join(' and ')}`
  throw new OperatorError(`there is no file ${file}; ${next}`)
}

/** The text of a file in UTF-8. Throws OperatorError when it is something else. *Pure.* */
export function textOf(content: Uint8Array, file: string): string {
  try {
    // Drops a byte order mark, too.
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    throw new OperatorError(`${file} is not UTF-8 text`)
  }
}
