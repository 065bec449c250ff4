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
  findValidation,
  listChecks,
  saveFinding,
  type Validation,
} from '../store/validations.ts'
import { loadVersion, saveDigest } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'

/** One attempt at one check of one validation. */
export type CheckAttempt = Attempt & {
  model: string
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
    if (checks.some((other) => other.verdict === null)) return
    const validation = await findValidation(trx, check.validationId)
    if (validation?.status === 'running') await conclude(trx, model, validation, checks, check.traceId, deps)
  })
}

async function conclude(
  trx: Transaction<Database>,
  model: LockedModel,
  validation: Validation,
  checks: CheckResult[],
  traceId: string,
  deps: LifecycleDeps,
): Promise<void> {
  const version = await loadVersion(trx, model, validation.version)
  const end = endOf(checks, version.digest)
  await closeValidation(trx, validation.id, end.status, end.digest, deps.now())
  if (version.digest === null && end.digest !== null) await saveDigest(trx, version, end.digest)
  const by: Actor = { principal: 'greenroom', channel: 'worker', traceId }
  const detail = { validationId: validation.id, suite: validation.suite, checks: checks.map(summaryOf) }
  await advanceIn(trx, model, validation.version, eventOf(validation, end.status, model, deps), by, deps, {
    reason: end.reason,
    detail,
  })
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

function eventOf(
  validation: Validation,
  status: End['status'],
  model: LockedModel,
  deps: LifecycleDeps,
): ModelVersionEvent {
  const validationId = validation.id
  switch (status) {
    case 'passed':
      return {
        type: 'validationPassed',
        validationId,
        gate: deps.policy.rulesFor(model.name).rules.gate,
        freshId: deps.newId(),
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
