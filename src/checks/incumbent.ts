import { OperatorError } from '../errors.ts'
import type { IncumbentCheck } from '../policy/policy.ts'
import type { Predicted } from '../runtimes/model-task.ts'
import { CheckErroredError, type Finding } from './finding.ts'
import { type Run, runModel } from './model-run.ts'
import { score } from './score.ts'
import type { CheckEnvironment, CheckSubject } from './subject.ts'
import { wordCount, wordFigure } from './wording.ts'

/** The candidate does as well as it must beside the version in Production, both measured on the same rows. */
export async function checkIncumbent(
  rule: IncumbentCheck,
  candidate: CheckSubject,
  incumbent: CheckSubject | null,
  env: CheckEnvironment,
): Promise<Finding> {
  if (incumbent === null) return unopposed('there is nothing in Production to compare with')
  if (incumbent.version === candidate.version) return unopposed('this version is the one in Production')
  const predict = ({ source }: CheckSubject): Promise<Run> => {
    const data = { file: rule.data, target: rule.target }
    return runModel({ kind: 'predict', source, roots: env.artifactRoots, data }, rule.timeoutMs, env)
  }
  const [itsRun, ours] = await Promise.all([predict(incumbent), predict(candidate)])
  if (ours.kind === 'unusable')
    return {
      verdict: 'failed',
      summary: ours.message,
      measured: {},
      digest: ours.digest,
    }
  const predicted = asPredicted(ours)
  const theirs = usable(itsRun, incumbent)
  if (predicted.dataDigest !== theirs.dataDigest)
    throw new CheckErroredError(`${rule.data} changed while the two versions were measured on it`)
  const notFinite = predicted.predicted.findIndex((value) => !Number.isFinite(value))
  if (notFinite >= 0) {
    const summary = `the model answers ${predicted.predicted[notFinite]} for row ${notFinite + 1} of ${rule.data}`
    return { verdict: 'failed', summary, measured: {}, digest: predicted.digest }
  }
  const scoreOf = (run: Predicted) => scored(rule, run)
  const figures = { candidate: scoreOf(predicted), incumbent: scoreOf(theirs) }
  const rows = predicted.actual.length
  return { ...compare(rule, figures, { rows, version: incumbent.version }), digest: predicted.digest }
}

/**
 * Judges two figures of one metric: `change` is how much better the candidate is, negative when it is worse, and
 * `allowed` the gain it needs or the loss it may have, both in the metric's unit. The limit itself passes. *Pure.*
 */
export function compare(
  rule: Pick<IncumbentCheck, 'metric' | 'direction' | 'require' | 'by'>,
  { candidate, incumbent }: { candidate: number; incumbent: number },
  { rows, version }: { rows: number; version: number },
): Omit<Finding, 'digest'> {
  const change = rule.direction === 'lower' ? incumbent - candidate : candidate - incumbent
  const allowed = 'absolute' in rule.by ? rule.by.absolute : rule.by.relative * Math.abs(incumbent)
  // Differences of decimal fractions are off by a few units in the last place, which must not decide.
  const tolerance = 8 * Number.EPSILON * Math.max(Math.abs(candidate), Math.abs(incumbent))
  const short = (rule.require === 'gain' ? allowed - change : -change - allowed) > tolerance
  const difference =
    change === 0 ? 'equal to' : `${wordFigure(Math.abs(change))} ${change > 0 ? 'better' : 'worse'} than`
  const amount =
    'absolute' in rule.by ? wordFigure(allowed) : `${percent(rule.by.relative)} (${wordFigure(allowed)})`
  const demand =
    rule.require === 'gain' ? `at least ${amount} better is required` : `at most ${amount} worse is allowed`
  return {
    verdict: short || Number.isNaN(change) ? 'failed' : 'passed',
    summary:
      `${rule.metric} ${wordFigure(candidate)} is ${difference} version ${version}'s ${wordFigure(incumbent)} ` +
      `on ${wordCount(rows, 'row')}; ${demand}`,
    measured: { metric: rule.metric, candidate, incumbent, change, allowed, rows },
  }
}

/** The incumbent's predictions; whatever is wrong with them is not the candidate's fault. */
function usable(run: Run, incumbent: CheckSubject): Predicted {
  const name = `version ${incumbent.version} in Production`
  if (run.kind === 'unusable') throw new CheckErroredError(`${name} could not be measured: ${run.message}`)
  const predicted = asPredicted(run)
  if (incumbent.digest !== null && predicted.digest !== incumbent.digest)
    throw new CheckErroredError(
      `the artifact of ${name} has digest ${predicted.digest}, not ${incumbent.digest} as recorded`,
    )
  if (!predicted.predicted.every(Number.isFinite))
    throw new CheckErroredError(`${name} could not be measured: it does not answer with finite numbers`)
  return predicted
}

function asPredicted(run: Run): Predicted {
  if (run.kind === 'predicted') return run
  throw new Error(`the sandbox answered ${run.kind} to a predict task`)
}

function scored({ metric, data, target }: IncumbentCheck, { predicted, actual }: Predicted): number {
  const figure = score(metric, predicted, actual)
  if (figure !== null) return figure
  const reason = metric === 'r2' ? `every ${target} is the same` : `every ${target} is 0`
  throw new OperatorError(`${metric} is undefined on ${data}: ${reason}`)
}

function unopposed(summary: string): Finding {
  return { verdict: 'passed', summary, measured: {}, digest: null }
}

function percent(share: number): string {
  return `${wordFigure(share * 100)} %`
}
