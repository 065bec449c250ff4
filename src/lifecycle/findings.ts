// How checks' findings become a verdict on a version. Each check is a job of its own; SQL is the join:
// the last finding to arrive closes the validation and advances the lifecycle in its own transaction.
import type { Kysely, Transaction } from 'kysely'
import { advanceIn } from '../lifecycle.ts'
import type { ModelVersionEvent } from '../machines/model-version.ts'
import type { Finding } from '../policy/finding.ts'
import { type Attempt, finishCommand } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { type LockedModel, lockModel } from '../store/models.ts'
import {
  type CheckResult,
  closeValidation,
  listChecks,
  saveFinding,
  type Validation,
} from '../store/validations.ts'
import { findIncumbent, loadVersion, saveDigest } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'

/** One attempt at one check of one validation. */
export type CheckAttempt = Attempt & {
  model: string
  version: number
  traceId: string
  validationId: string
  position: number
}

/**
 * Records what a check found, ends its command, and closes the validation when it was the last. Throws
 * LostLeaseError, and changes nothing, when a newer attempt or a cancellation was first (V9).
 */
export function recordFinding(
  db: Kysely<Database>,
  check: CheckAttempt,
  finding: Finding,
  times: { startedAt: Date; finishedAt: Date },
  deps: LifecycleDeps,
): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const model = await lockModel(trx, check.model)
    await finishCommand(trx, check)
    await saveFinding(trx, check, finding, times)
    const checks = await listChecks(trx, check.validationId)
    if (checks.every((other) => other.verdict !== null)) await conclude(trx, model, check, checks, deps)
  })
}

async function conclude(
  trx: Transaction<Database>,
  model: LockedModel,
  last: CheckAttempt,
  checks: CheckResult[],
  deps: LifecycleDeps,
): Promise<void> {
  const found = await loadVersion(trx, model, last.version)
  const end = endOf(checks, found.digest)
  const validation = await closeValidation(trx, last.validationId, end.status, end.digest, deps.now())
  if (validation === undefined) return
  // A run that did not pass may have read an artifact that was still being written.
  const newDigest = found.digest === null && end.status === 'passed' ? end.digest : null
  const version = newDigest === null ? found : await saveDigest(trx, found, newDigest)
  const by: Actor = { principal: 'greenroom', channel: 'worker', traceId: last.traceId }
  const detail = { validationId: validation.id, suite: validation.suite, checks: checks.map(summaryOf) }
  const event = await eventOf(trx, validation, end.status, model, deps)
  await advanceIn(trx, model, version, event, by, deps, { reason: end.reason, detail })
}

type End = { status: 'passed' | 'failed' | 'errored'; digest: string | null; reason: string }

/**
 * What a validation's findings add up to. A model's own failure outweighs a check that could not be made;
 * `inconclusive` is not a pass. All checks must have seen one and the same artifact (V3, V8). *Pure.*
 */
export function endOf(
  checks: Pick<CheckResult, 'verdict' | 'summary' | 'digest' | 'rule'>[],
  declared: string | null,
): End {
  const seen = [...new Set(checks.flatMap((check) => check.digest ?? []))]
  const [digest = declared] = seen
  if (seen.length > 1)
    return { status: 'failed', digest: null, reason: 'the artifact changed while it was being checked' }
  if (declared !== null && digest !== declared)
    return {
      status: 'failed',
      digest,
      reason: `the artifact has digest ${digest}, not ${declared} as before`,
    }
  const because = (found: (typeof checks)[number]) => `${found.rule.kind}: ${found.summary ?? ''}`
  const failed = checks.filter((check) => check.verdict === 'failed' || check.verdict === 'inconclusive')
  if (failed.length > 0) return { status: 'failed', digest, reason: failed.map(because).join('; ') }
  const errored = checks.filter((check) => check.verdict === 'errored')
  if (errored.length > 0) return { status: 'errored', digest, reason: errored.map(because).join('; ') }
  return { status: 'passed', digest, reason: `${checks.length} of ${checks.length} checks passed` }
}

async function eventOf(
  trx: Transaction<Database>,
  validation: Validation,
  status: End['status'],
  model: LockedModel,
  deps: LifecycleDeps,
): Promise<ModelVersionEvent> {
  const validationId = validation.id
  switch (status) {
    case 'passed': {
      const { rules, hash } = deps.policy.rulesFor(model.name)
      const incumbent = await findIncumbent(trx, model.id)
      const current = validation.policy_hash === hash && validation.incumbent_version === incumbent
      return { type: 'validationPassed', validationId, gate: rules.gate, current, freshId: deps.newId() }
    }
    case 'failed':
      return { type: 'validationFailed', validationId }
    case 'errored':
      return { type: 'validationGaveUp', validationId }
  }
}

function summaryOf(check: CheckResult): Record<string, unknown> {
  return { check: check.rule.kind, verdict: check.verdict, summary: check.summary }
}
