// How checks' findings become a verdict on a version. Each check is a job of its own; SQL is the join:
// the last finding to arrive closes the validation and advances the lifecycle in its own transaction.
import type { Kysely, Transaction } from 'kysely'
import { advanceIn } from '../lifecycle.ts'
import type { ModelVersionEvent } from '../machines/model-version.ts'
import type { Finding } from '../policy/finding.ts'
import type { Attempt } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { type LockedModel, lockModel } from '../store/models.ts'
import { inTransaction, leaveToCommit } from '../store/transaction.ts'
import {
  type CheckAnswer,
  closeValidation,
  loadValidation,
  type RunningValidation,
  saveFinding,
} from '../store/validations.ts'
import { findVersion, saveLearned, type VersionRow } from '../store/versions.ts'
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
  return inTransaction(db, async (trx) => {
    // Each reads what is true under the lock, for they are sent in this order.
    const [model, , validation, version] = await Promise.all([
      lockModel(trx, check.model),
      saveFinding(trx, check, finding, times),
      loadValidation(trx, check.validationId),
      findVersion(trx, { name: check.model, version: check.version }),
    ])
    if (version === undefined) throw new Error(`version ${check.version} of "${check.model}" is gone`)
    if (validation.status === 'running' && validation.checks.every((other) => other.verdict !== null))
      await conclude(trx, model, { version, validation, traceId: check.traceId }, deps)
  })
}

type Run = {
  version: VersionRow
  validation: RunningValidation
  traceId: string
}

async function conclude(
  trx: Transaction<Database>,
  model: LockedModel,
  { version, validation, traceId }: Run,
  deps: LifecycleDeps,
): Promise<void> {
  const { checks } = validation
  const { status, digest, reason } = endOf(checks, version.digest)
  // A run that did not pass may have read an artifact that was still being written.
  const isNewDigest = version.digest === null && digest !== null && status === 'passed'
  const seen = isNewDigest ? { ...version, digest } : version
  const by: Actor = { principal: 'greenroom', channel: 'worker', traceId }
  const detail = { validationId: validation.id, suite: validation.suite, checks: checks.map(summaryOf) }
  leaveToCommit(trx, closeValidation(trx, validation.id, status, digest, deps.now()))
  if (isNewDigest) leaveToCommit(trx, saveLearned(trx, seen, { digest }))
  await advanceIn(trx, model, seen, eventOf(validation, status, model, deps), by, deps, { reason, detail })
}

type End = { status: 'passed' | 'failed' | 'errored'; digest: string | null; reason: string }

/**
 * What a validation's findings add up to. A model's own failure outweighs a check that could not be made;
 * `inconclusive` is not a pass. All checks must have seen one and the same artifact (V3, V8). *Pure.*
 */
export function endOf(checks: CheckAnswer[], declared: string | null): End {
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

function eventOf(
  validation: Run['validation'],
  status: End['status'],
  model: LockedModel,
  deps: LifecycleDeps,
): ModelVersionEvent {
  const validationId = validation.id
  switch (status) {
    case 'passed': {
      const { rules, hash } = deps.policy.rulesFor(model.name)
      const { policy_hash, incumbent_version, current_incumbent } = validation
      const current = policy_hash === hash && incumbent_version === current_incumbent
      return { type: 'validationPassed', validationId, gate: rules.gate, current, freshId: deps.newId() }
    }
    case 'failed':
      return { type: 'validationFailed', validationId }
    case 'errored':
      return { type: 'validationGaveUp', validationId }
  }
}

function summaryOf(check: CheckAnswer): Record<string, unknown> {
  return { check: check.rule.kind, verdict: check.verdict, summary: check.summary }
}
