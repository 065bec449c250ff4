import type { Finding } from '../policy/finding.ts'
import type { SmokeCheck } from '../policy/policy.ts'
import type { Measured } from '../runtimes/model-task.ts'
import { runModel } from './model-run.ts'
import { percentile } from './score.ts'
import type { CheckEnvironment, CheckSubject } from './subject.ts'
import { wordCount, wordMs } from './wording.ts'

const sampleRows = 256
const warmUps = 10
const timedRuns = 100

/** The model loads, answers a sample with one finite number for each row, and one row fast enough. */
export async function checkSmoke(
  rule: SmokeCheck,
  candidate: CheckSubject,
  _incumbent: CheckSubject | null,
  env: CheckEnvironment,
): Promise<Finding> {
  const data = rule.data === null ? null : { file: rule.data, target: rule.target }
  // The timing must not bring a slow model to its time limit.
  const timing = { warmUps, runs: timedRuns, budgetMs: rule.timeoutMs / 4 }
  const task = { kind: 'smoke' as const, data, sampleRows, timing }
  const run = await runModel(task, candidate.source, rule.timeoutMs, env)
  if (run.kind === 'unusable')
    return {
      verdict: 'failed',
      summary: run.message,
      measured: {},
      digest: run.digest,
    }
  if (run.kind !== 'measured') throw new Error(`the sandbox answered ${run.kind} to a smoke task`)
  return judge(run, rule.p95Ms)
}

/** The finding for a model that ran. *Pure.* */
export function judge(
  { digest, loadMs, rows, notFinite, latenciesMs }: Measured,
  p95Limit: number | null,
): Finding {
  const p50Ms = percentile(latenciesMs, 50)
  const p95Ms = percentile(latenciesMs, 95)
  const measured = { loadMs: rounded(loadMs), rows, p50Ms: rounded(p50Ms), p95Ms: rounded(p95Ms) }
  const found = (verdict: Finding['verdict'], summary: string) => ({ verdict, summary, measured, digest })
  if (notFinite !== null)
    return found('failed', `the model answers ${notFinite.value} for row ${notFinite.row} of ${rows}`)
  const limit = p95Limit === null ? '' : `; at most ${wordMs(p95Limit)} is allowed`
  const speed = `one row takes ${wordMs(p95Ms)} (p95)${limit}`
  if (p95Limit !== null && p95Ms > p95Limit) return found('failed', speed)
  return found('passed', `finite answers for ${wordCount(rows, 'row')}; ${speed}`)
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
