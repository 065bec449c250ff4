const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Milliseconds of a duration written as a number and a unit (`250ms`, `10s`, `5m`, `72h`, `30d`, `1.5s`);
 * null when the text is not one. Exact to a microsecond. *Pure.*
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim())
  if (match === null) return null
  const [, amount, unit] = match
  // 1.1 * 1000 is 1100.0000000000002 in floating point.
  return Math.round(Number(amount) * unitMs[unit as keyof typeof unitMs] * 1000) / 1000
}
