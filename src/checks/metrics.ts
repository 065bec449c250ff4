import type { Finding } from '../policy/finding.ts'
import type { MetricsCheck } from '../policy/policy.ts'
import type { CheckSubject } from './subject.ts'
import { wordFigure } from './wording.ts'

/** The metrics that came with the registration keep their limits; equality keeps them. *Never rejects.* */
export async function checkMetrics(rule: MetricsCheck, candidate: CheckSubject): Promise<Finding> {
  const names = Object.keys(rule.limits)
  const reported = new Map(Object.entries(candidate.metrics))
  const missing = names.filter((name) => !reported.has(name))
  const broken = names.flatMap((name) => faultOf(name, reported.get(name), rule.limits[name] ?? {}))
  const measured = Object.fromEntries(names.map((name) => [name, reported.get(name) ?? null]))
  const absent = missing.map((name) => `${name} was not reported`)
  const kept = names.map((name) => `${name} ${wordFigure(reported.get(name) ?? Number.NaN)}`)
  const verdict = broken.length > 0 ? 'failed' : missing.length > 0 ? 'inconclusive' : 'passed'
  const summary =
    verdict === 'passed' ? `within limits: ${kept.join(', ')}` : [...broken, ...absent].join('; ')
  return { verdict, summary, measured, digest: null }
}

function faultOf(
  name: string,
  value: number | undefined,
  { min, max }: { min?: number; max?: number },
): string[] {
  if (value === undefined) return []
  if (Number.isNaN(value)) return [`${name} is not a number`]
  if (min !== undefined && value < min)
    return [`${name} ${wordFigure(value)} is below its minimum ${wordFigure(min)}`]
  if (max !== undefined && value > max)
    return [`${name} ${wordFigure(value)} is above its maximum ${wordFigure(max)}`]
  return []
}
