// How things look on a terminal. What others wrote passes through `show` before it gets there.
import { stripVTControlCharacters, styleText } from 'node:util'
import { formatNumber } from '../notifiers/figures.ts'
import { spelledOut } from '../notifiers/text.ts'

type Style = Parameters<typeof styleText>[0]

/** A text in colour, where the stream is a terminal that wants it (NO_COLOR is honoured). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream })
}

/** Text that others wrote, with all that would steer a terminal spelled out. *Pure.* */
export const show = spelledOut

/** One line of JSON. What would steer a terminal is written as an escape, which means the same. *Pure.* */
export function showJson(document: unknown): string {
  const asEscape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(document).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character.split('').map(asEscape).join(''),
  )
}

/** A time as the people here read it: `2026-01-31 14:03:22`. */
export function showTime(iso: string): string {
  return new Date(iso).toLocaleString('sv-SE')
}

/** A length of time: `12 ms`, `1.4 s`, `2 min 5 s`. *Pure.* */
export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1_000)} s`
}

/** Metrics in the order of their names, at most `most`: `mae 12.1, rmspe 0.1432, …`. *Pure.* */
export function showMetrics(metrics: Record<string, number>, most: number): string {
  const names = Object.keys(metrics).toSorted()
  const shown = names
    .slice(0, most)
    .map((name) => `${show(name)} ${formatNumber(metrics[name] ?? Number.NaN)}`)
  return [...shown, ...(names.length > most ? ['…'] : [])].join(', ')
}

const stageStyles: Record<string, Style> = { Production: 'green', Staging: 'yellow', Archived: 'dim' }

/** A stage in its colour. */
export function showStage(stage: string): string {
  return paint(stageStyles[stage] ?? 'reset', show(stage))
}

/** Where a version stands: `Staging · awaitingApproval`. */
export function showStanding({ stage, state }: { stage: string; state: string }): string {
  return `${showStage(stage)} · ${show(state)}`
}

const marks: Record<string, [string, Style]> = {
  passed: ['✔', 'green'],
  failed: ['✘', 'red'],
  inconclusive: ['?', 'yellow'],
  errored: ['!', 'yellow'],
  cancelled: ['–', 'dim'],
}

/** A verdict with its mark: `✔ passed`. */
export function showVerdict(verdict: string, stream?: NodeJS.WriteStream): string {
  const [mark, style] = marks[verdict] ?? ['·', 'dim' as const]
  return paint(style, `${mark} ${verdict}`, stream)
}

/** Columns that a text takes on a terminal; colours take none, wide characters two. *Pure.* */
export function widthOf(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text)))
    width += wide.test(segment) ? 2 : 1
  return width
}

/** The text's beginning that fits into `width` columns, with `…` where something was cut off. *Pure.* */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    if (widthOf(kept + segment) >= width) break
    kept += segment
  }
  return width > 0 ? `${kept}…` : ''
}

/** Fills a text up with spaces to `width` columns. *Pure.* */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Rows under a line of headings as aligned lines. *Pure* but for the headings' colour. */
export function table(headings: string[], rows: string[][]): string[] {
  const widths = headings.map((heading, column) =>
    Math.max(widthOf(heading), ...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [paint('dim', line(headings)), ...rows.map(line)]
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u
