/** A figure for people: whole from 1,000 on, four significant digits below. *Pure.* */
export function wordFigure(value: number): string {
  return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4)))
}

/** Milliseconds for people, such as `30 s` or `4.25 ms`. *Pure.* */
export function wordMs(ms: number): string {
  return ms < 1000 ? `${wordFigure(ms)} ms` : `${wordFigure(ms / 1000)} s`
}

/** A count with its noun, such as `1 row` or `842 rows`. *Pure.* */
export function wordCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
