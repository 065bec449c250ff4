import { feedsFor, type Layout } from './columns.ts'
import { type LoadedModel, run } from './onnx.ts'
import { UnusableModelError } from './unusable.ts'

const rowsAtOnce = 4096

/** What a model answers to rows: `width` numbers for each, row after row. */
export type Predictions = { values: Float64Array; width: number }

/**
 * Predicts the rows of a table, as many at once as the model takes. Throws UnusableModelError when it does not run or
 * does not answer row by row.
 */
export async function predictTable(
  model: LoadedModel,
  layout: Layout,
  table: Map<string, Float64Array>,
  rows: number,
): Promise<Predictions> {
  const parts: Float64Array[] = []
  const widths = new Set<number>()
  const step = layout.batch ?? rowsAtOnce
  for (let from = 0; from < rows; from += step) {
    const to = Math.min(from + step, rows)
    const asked = layout.batch ?? to - from
    const { values, dims } = await run(model, feedsFor(layout, table, from, to))
    const width = values.length / asked
    widths.add(width)
    if (dims[0] !== asked || widths.size > 1)
      throw new UnusableModelError(
        `the model answers ${asked} rows in shape [${dims.join(', ')}], not with as much for each row`,
      )
    parts.push(values.subarray(0, (to - from) * width))
  }
  return { values: joined(parts), width: [...widths][0] ?? 1 }
}

function joined(parts: Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((count, part) => count + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
