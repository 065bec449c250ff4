import type { Finding } from '../policy/finding.ts'
import type { IncumbentCheck } from '../policy/policy.ts'
import { wordCount, wordFigure } from './wording.ts'

type Limit = Pick<IncumbentCheck, 'metric' | 'direction' | 'require' | 'by'>

/**
 * Judges two figures of one metric: `change` is how much better the candidate is, negative when it is worse, and
 * `allowed` the gain it needs or the loss it may have, both in the metric's unit. The limit itself passes. *Pure.*
 */
export function compare(
  limit: Limit,
  { candidate, incumbent }: { candidate: number; incumbent: number },
  { rows, version }: { rows: number; version: number },
): Omit<Finding, 'digest'> {
  const change = limit.direction === 'lower' ? incumbent - candidate : candidate - incumbent
  const allowed = 'absolute' in limit.by ? limit.by.absolute : limit.by.relative * Math.abs(incumbent)
  const missing = limit.require === 'gain' ? allowed - change : -change - allowed
  // Differences of decimal fractions are off by a few units in the last place, which must not decide.
  const tolerance = 8 * Number.EPSILON * Math.max(Math.abs(candidate), Math.abs(incumbent))
  return {
    verdict: Number.isFinite(change) && missing <= tolerance ? 'passed' : 'failed',
    summary:
      `${limit.metric} ${wordFigure(candidate)} is ${wordChange(change)} version ${version}'s ` +
      `${wordFigure(incumbent)} on ${wordCount(rows, 'row')}; ${wordDemand(limit, allowed)}`,
    measured: { metric: limit.metric, candidate, incumbent, change, allowed, rows },
  }
}

function wordChange(change: number): string {
  if (change === 0) return 'equal to'
  return `${wordFigure(Math.abs(change))} ${change > 0 ? 'better' : 'worse'} than`
}

function wordDemand({ require, by }: Limit, allowed: number): string {
  const figure = wordFigure(allowed)
  const amount = 'absolute' in by ? figure : `${wordFigure(by.relative * 100)} % (${figure})`
  return require === 'gain' ? `at least ${amount} better is required` : `at most ${amount} worse is allowed`
}
