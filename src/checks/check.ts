// Checks: what must hold for a model version. One file per kind; to add one, give it a rule in policy/policy.ts,
// write its file, and name it here.

import type { Finding } from '../policy/finding.ts'
import type { CheckRule } from '../policy/policy.ts'
import { checkArtifact } from './artifact.ts'
import { checkDocumented } from './documented.ts'
import { checkIncumbent } from './incumbent.ts'
import { checkMetrics } from './metrics.ts'
import { checkSmoke } from './smoke.ts'
import type { Check, CheckEnvironment, CheckSubject } from './subject.ts'

export type { CheckEnvironment, CheckSubject } from './subject.ts'

type Kind = CheckRule['kind']

const checks: { [K in Kind]: Check<Extract<CheckRule, { kind: K }>> } = {
  artifact: checkArtifact,
  smoke: checkSmoke,
  metrics: checkMetrics,
  incumbent: checkIncumbent,
  documented: checkDocumented,
}

/**
 * Makes the check that `rule` asks for. Resolves with a finding about the candidate; throws OperatorError where the
 * operator must mend something, CheckErroredError or any other error when the check could not be made, and the
 * reason of `env.signal` when that was aborted.
 */
export async function runCheck(
  rule: CheckRule,
  candidate: CheckSubject,
  incumbent: CheckSubject | null,
  env: CheckEnvironment,
): Promise<Finding> {
  env.signal.throwIfAborted()
  // The table pairs each kind with the check for its rules, which the compiler cannot follow through a union.
  const check = checks[rule.kind] as Check<CheckRule>
  return await check(rule, candidate, incumbent, env)
}
