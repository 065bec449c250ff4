import { OperatorError } from '../errors.ts'
import type { Finding } from '../policy/finding.ts'
import type { IncumbentCheck } from '../policy/policy.ts'
import type { Predicted } from '../runtimes/model-task.ts'
import { compare } from './comparison.ts'
import { CheckErroredError } from './errored.ts'
import { type Run, runModel } from './model-run.ts'
import { score } from './score.ts'
import type { CheckEnvironment, CheckSubject } from './subject.ts'

/** The candidate does as well as it must beside the version in Production, both measured on the same rows. */
export async function checkIncumbent(
  rule: IncumbentCheck,
  candidate: CheckSubject,
  incumbent: CheckSubject | null,
  env: CheckEnvironment,
): Promise<Finding> {
  if (incumbent === null) return unopposed('there is nothing in Production to compare with')
  if (incumbent.version === candidate.version) return unopposed('this version is the one in Production')
  const [itsRun, ours] = await predictBoth(rule, [incumbent, candidate], env)
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
  const figures = { candidate: scored(rule, predicted), incumbent: scored(rule, theirs) }
  // Finite answers can be so far off that their squares are not.
  if (!Number.isFinite(figures.incumbent))
    throw new CheckErroredError(
      `version ${incumbent.version} in Production could not be measured: its ${rule.metric} is no finite number`,
    )
  const rows = predicted.actual.length
  return { ...compare(rule, figures, { rows, version: incumbent.version }), digest: predicted.digest }
}

/** Runs both at once; when one cannot be run, the other one is ended, for nobody waits for it any more. */
async function predictBoth(
  { data: file, target, timeoutMs }: IncumbentCheck,
  [one, other]: [CheckSubject, CheckSubject],
  env: CheckEnvironment,
): Promise<[Run, Run]> {
  const over = new AbortController()
  const own = { ...env, signal: AbortSignal.any([env.signal, over.signal]) }
  const predict = ({ source }: CheckSubject) =>
    runModel({ kind: 'predict', data: { file, target } }, source, timeoutMs, own)
  try {
    return await Promise.all([predict(one), predict(other)])
  } finally {
    over.abort()
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
