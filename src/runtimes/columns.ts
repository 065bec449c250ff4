// How the columns of a table become the inputs of a model.
import { type Feed, type LoadedModel, type ModelInput, numberTypeOf } from './onnx.ts'
import { requireColumns } from './table.ts'
import { UnusableModelError } from './unusable.ts'

/**
 * Which columns a model takes: one input that holds them side by side, or one input for each column.
 * `batch` is the number of rows that the model insists on; null where it takes any.
 */
export type Layout = {
  columns: string[]
  parts: { input: ModelInput; columns: string[] }[]
  batch: number | null
}

/**
 * Matches a model's inputs with the columns of a table. A single input takes the columns that the model's metadata
 * names, else all but the target in the order of the table; several inputs take the columns of their own names.
 * Throws UnusableModelError naming the columns when they do not fit, or the input that takes no numbers, OperatorError
 * when the table has no such target.
 * *Pure.*
 */
export function layoutOf(
  model: Pick<LoadedModel, 'inputs' | 'features'>,
  table: { file: string; header: string[]; target: string | null },
): Layout {
  if (table.target !== null) requireColumns(table, [table.target])
  const parts = partsOf(model, table)
  // Before the cells are read: that they are no numbers is not their fault where a model takes text.
  for (const { input } of parts) numberTypeOf(input)
  const columns = parts.flatMap((part) => part.columns)
  if (columns.length === 0) throw new UnusableModelError(`${table.file} has no feature column for the model`)
  const missing = columns.filter((column) => !table.header.includes(column))
  if (missing.length > 0)
    throw new UnusableModelError(`the model takes ${named(missing)}, which ${table.file} lacks`)
  if (table.target !== null && columns.includes(table.target))
    throw new UnusableModelError(`the model takes the target ${table.target} as a feature`)
  return { columns, parts, batch: batchOf(parts) }
}

/** The rows that any of the inputs insists on; the others take as many. */
function batchOf(parts: Layout['parts']): number | null {
  const wanted = parts.flatMap(({ input }) => input.shape[0] ?? [])
  const [first = null, ...others] = [...new Set(wanted)]
  if (others.length === 0) return first
  throw new UnusableModelError(
    `the model's inputs take ${wanted.join(' and ')} rows at once, not as many each`,
  )
}

function partsOf(
  { inputs, features }: Pick<LoadedModel, 'inputs' | 'features'>,
  { file, header, target }: { file: string; header: string[]; target: string | null },
): Layout['parts'] {
  const [only, ...others] = inputs
  if (only === undefined) throw new UnusableModelError('the model has no inputs')
  if (others.length > 0)
    return inputs.map((input) => ({ input, columns: matched(input, [input.name], 'there is') }))
  if (features !== null) return [{ input: only, columns: matched(only, features, 'its metadata names') }]
  const columns = header.filter((column) => column !== target)
  const where = target === null ? `${file} has` : `besides the target, ${file} has`
  return [{ input: only, columns: matched(only, columns, where) }]
}

function matched(input: ModelInput, columns: string[], where: string): string[] {
  const [, width = 1] = input.shape
  const isTable = input.shape.length === 2 || (input.shape.length === 1 && columns.length === 1)
  if (!isTable)
    throw new UnusableModelError(
      `the model's input ${input.name} has shape ${shown(input)}, not [rows, columns]`,
    )
  if (width === null || width === columns.length) return columns
  throw new UnusableModelError(
    `the model's input ${input.name} takes ${width} columns, but ${where} ${columns.length}: ${columns.join(', ')}`,
  )
}

/** The feeds for rows `from` up to `to`; a model that insists on more rows gets zeros for the rest. *Pure.* */
export function feedsFor(layout: Layout, table: Map<string, Float64Array>, from: number, to: number): Feed[] {
  const rows = layout.batch ?? to - from
  return layout.parts.map(({ input, columns }) => {
    const values = new Float64Array(rows * columns.length)
    for (const [index, column] of columns.entries()) {
      const cells = table.get(column)?.subarray(from, to) ?? []
      for (const [row, cell] of cells.entries()) values[row * columns.length + index] = cell
    }
    return { input, values, dims: input.shape.length === 1 ? [rows] : [rows, columns.length] }
  })
}

/**
 * One row of zeros, or as many as the model insists on, in the shapes of its own inputs; as many columns as have names
 * where any number goes, else one. *Pure.*
 */
export function zerosFor({ inputs, features }: Pick<LoadedModel, 'inputs' | 'features'>): Feed[] {
  const columns = inputs.length === 1 ? (features?.length ?? 1) : 1
  return inputs.map((input) => {
    const dims = input.shape.map((size, axis) => size ?? (axis === 1 ? columns : 1))
    return { input, dims, values: new Float64Array(dims.reduce((count, size) => count * size, 1)) }
  })
}

function shown(input: ModelInput): string {
  return `[${input.shape.map((size) => size ?? '?').join(', ')}]`
}

function named(columns: string[]): string {
  return `the column${columns.length === 1 ? '' : 's'} ${columns.join(', ')}`
}
