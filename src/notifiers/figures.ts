// Figures side by side: what a candidate and the incumbent measure, and how they differ.
import { oneLine } from './text.ts'

/** One metric of both versions; `incumbent` is null where there is nothing to compare with. */
export type Figure = {
  metric: string
  candidate: number
  incumbent: number | null
  /** Which way is better; null when nobody said. */
  direction: 'lower' | 'higher' | null
}

/** The metrics whose direction is part of their definition. */
const directions = new Map<string, 'lower' | 'higher'>([
  ['rmspe', 'lower'],
  ['rmse', 'lower'],
  ['mae', 'lower'],
  ['r2', 'higher'],
])

/** Which way a metric of this name is better; null when the name does not say. *Pure.* */
export function directionOf(metric: string): 'lower' | 'higher' | null {
  return directions.get(metric.toLowerCase()) ?? null
}

/**
 * Pairs the metrics of two versions: those that both have first, then the candidate's own, each in the order of
 * their names. *Pure.*
 */
export function pairMetrics(
  candidate: Record<string, number>,
  incumbent: Record<string, number> | null,
): Figure[] {
  const figures = Object.keys(candidate)
    .toSorted()
    .map((metric): Figure => {
      const other = incumbent !== null && Object.hasOwn(incumbent, metric) ? incumbent[metric] : undefined
      const own = candidate[metric] ?? Number.NaN
      return { metric, candidate: own, incumbent: other ?? null, direction: directionOf(metric) }
    })
  return [
    ...figures.filter((figure) => figure.incumbent !== null),
    ...figures.filter((figure) => figure.incumbent === null),
  ]
}

/** Whether the candidate is better, in a word; empty when that cannot be said. *Pure.* */
export function judge({ candidate, incumbent, direction }: Figure): 'better' | 'worse' | 'equal' | '' {
  if (incumbent === null || Number.isNaN(candidate - incumbent)) return ''
  if (candidate === incumbent) return 'equal'
  if (direction === null) return ''
  return candidate < incumbent === (direction === 'lower') ? 'better' : 'worse'
}

/** How far the candidate is from the incumbent: `↓ 10.6 %`; of an incumbent of 0 in the metric's unit. *Pure.* */
export function describeChange({ candidate, incumbent }: Figure): string {
  if (incumbent === null) return ''
  const change = candidate - incumbent
  if (!Number.isFinite(change)) return '?'
  if (change === 0) return ''
  const arrow = change < 0 ? '↓' : '↑'
  const share = Math.abs(change / incumbent)
  return `${arrow} ${Number.isFinite(share) ? describeShare(share) : formatNumber(Math.abs(change))}`
}

/** A number with about four significant digits; more where `apart`, a difference to show, needs them. *Pure.* */
export function formatNumber(value: number, apart = 0): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  const digits = apart === 0 || !Number.isFinite(apart) ? 0 : Math.min(8, 1 - magnitude(Math.abs(apart)))
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return minus(value.toExponential(3))
  const decimals = size === 0 ? 0 : Math.max(0, 3 - magnitude(size))
  return minus(Number(value.toFixed(Math.max(decimals, digits, 0))).toString())
}

/** Figures that were come by in the same way. */
export type FigureGroup = { title: string; figures: readonly Figure[] }

/**
 * Groups of figures as lines with aligned columns: metric, candidate, incumbent (where any has one), change.
 * At most `most` figures of each group, then how many were left out; empty groups are dropped. *Pure.*
 */
export function tabulate(
  groups: readonly FigureGroup[],
  headings: { candidate: string; incumbent: string },
  most: number,
): string[] {
  const filled = groups.filter(({ figures }) => figures.length > 0)
  if (filled.length === 0) return []
  const compares = filled.some(({ figures }) => figures.some((figure) => figure.incumbent !== null))
  const head = ['', headings.candidate, ...(compares ? [headings.incumbent] : [])]
  const tables = filled.map(({ figures }) => figures.slice(0, most).map((one) => rowOf(one, compares)))
  const [heading = '', ...rows] = align([head, ...tables.flat()])
  return [
    heading,
    ...filled.flatMap(({ title, figures }, index) => {
      const left = figures.length - most
      const own = rows.splice(0, tables[index]?.length ?? 0)
      return [title, ...own, ...(left > 0 ? [`and ${left} more`] : [])]
    }),
  ]
}

function rowOf(figure: Figure, compares: boolean): string[] {
  const apart = figure.incumbent === null ? 0 : figure.candidate - figure.incumbent
  const own = [`  ${oneLine(figure.metric, 24)}`, formatNumber(figure.candidate, apart)]
  if (!compares) return own
  const other = figure.incumbent === null ? '–' : formatNumber(figure.incumbent, apart)
  return [...own, other, [describeChange(figure), judge(figure)].filter((part) => part !== '').join(' ')]
}

function align(rows: readonly string[][]): string[] {
  const columns = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat((widths[column] ?? 0) - widthOf(cell))
      // Numbers line up at their right, words at their left.
      return column === 1 || column === 2 ? padding + cell : cell + padding
    })
    return cells.join('  ').trimEnd()
  })
}

function describeShare(share: number): string {
  if (share > 10) return '> 1000 %'
  if (share < 0.0001) return '< 0.01 %'
  return `${Number((share * 100).toPrecision(share < 0.01 ? 2 : 3))} %`
}

function magnitude(size: number): number {
  return Math.floor(Math.log10(size))
}

function minus(text: string): string {
  return text.replaceAll('-', '−')
}

function widthOf(text: string): number {
  return [...text].length
}
