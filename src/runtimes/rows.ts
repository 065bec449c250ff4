// Rows as programs hold them, and the columns of a model. What is wrong with them is the caller's to mend.
import { InvalidInputError } from '../errors.ts'

/** One value of a row. Models of numbers take numbers, and true and false for 1 and 0. */
export type Cell = number | bigint | boolean | string | null | undefined

/** Rows to predict: objects with a value for each column, or numbers in the order of the model's columns. */
export type Rows = readonly Readonly<Record<string, Cell>>[] | readonly ArrayLike<number>[]

/** Rows as a table: for each row the cell of each of its columns. Rows that are arrays do not name those. */
export type RowTable = {
  columns: string[]
  isUnnamed: boolean
  rows: number
  cell(row: number, column: number): Cell
}

const mostNamed = 20

/**
 * Looks at rows as a table. `wanted` are the columns that a model asks for, null where it names none: then the first
 * row says which there are. Throws InvalidInputError, naming row and column, when one is missing or rows are not
 * alike. *Pure.*
 */
export function rowTable(rows: Rows, wanted: string[] | null): RowTable {
  const first = firstOf(rows)
  if (first === undefined) return { columns: wanted ?? [], isUnnamed: false, rows: 0, cell: () => undefined }
  return isList(first) ? ofNumbers(rows, first, wanted) : ofObjects(rows, wanted)
}

/** The first of the rows; undefined where there are none. Throws InvalidInputError when they are no array. *Pure.* */
export function firstOf(rows: Rows): unknown {
  if (Array.isArray(rows)) return rows[0]
  throw new InvalidInputError('The rows must be an array: of objects, or of arrays.')
}

/** The numbers in a table, column by column. Throws InvalidInputError, naming row and column. *Pure.* */
export function numbersIn(table: RowTable): Map<string, Float64Array> {
  return new Map(
    table.columns.map((name, column) => [
      name,
      Float64Array.from({ length: table.rows }, (_, row) => numberOf(table.cell(row, column), row, name)),
    ]),
  )
}

function ofNumbers(rows: readonly unknown[], first: ArrayLike<Cell>, wanted: string[] | null): RowTable {
  const columns = wanted ?? Array.from(first, (_, index) => `column ${index + 1}`)
  for (const [index, row] of rows.entries()) {
    if (!isList(row)) throw new InvalidInputError(`Row ${index + 1} is not an array, as the first row is.`)
    if (row.length === columns.length) continue
    const takes = wanted === null ? `the first row has ${columns.length}` : `the model takes ${named(wanted)}`
    throw new InvalidInputError(`Row ${index + 1} has ${row.length} values; ${takes}.`)
  }
  const lines = rows as ArrayLike<Cell>[]
  return { columns, isUnnamed: true, rows: rows.length, cell: (row, column) => lines[row]?.[column] }
}

function ofObjects(rows: readonly unknown[], wanted: string[] | null): RowTable {
  const lines = rows.map((row, index) => {
    if (typeof row === 'object' && row !== null && !isList(row)) return row as Record<string, Cell>
    throw new InvalidInputError(`Row ${index + 1} is not an object with a value for each column.`)
  })
  const columns = wanted ?? Object.keys(lines[0] ?? {})
  for (const [index, row] of lines.entries()) {
    const missing = columns.filter((column) => !Object.hasOwn(row, column) || row[column] === undefined)
    if (missing.length === 0) continue
    const lacks = `Row ${index + 1} has no column ${missing.slice(0, mostNamed).join(', ')}`
    throw new InvalidInputError(
      wanted === null ? `${lacks}, as the first row has.` : `${lacks}; the model takes ${named(wanted)}.`,
    )
  }
  const cell = (row: number, column: number) => lines[row]?.[columns[column] ?? '']
  return { columns, isUnnamed: false, rows: rows.length, cell }
}

/** Tells whether a row is an array, typed or not, and no object with names. *Pure.* */
export function isList(row: unknown): row is ArrayLike<Cell> {
  return Array.isArray(row) || (ArrayBuffer.isView(row) && !(row instanceof DataView))
}

function numberOf(cell: Cell, row: number, column: string): number {
  if (typeof cell === 'number') return cell
  if (typeof cell === 'boolean' || typeof cell === 'bigint') return Number(cell)
  const found = typeof cell === 'string' ? JSON.stringify(cell.slice(0, 40)) : String(cell)
  throw new InvalidInputError(`Row ${row + 1}, column ${column}: ${found} is not a number.`)
}

function named(columns: string[]): string {
  const more = columns.length > mostNamed ? `, and ${columns.length - mostNamed} more` : ''
  return `${columns.length}: ${columns.slice(0, mostNamed).join(', ')}${more}`
}
