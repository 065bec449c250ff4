import type { Kysely, Transaction } from 'kysely'
import { advanceIn } from '../lifecycle.ts'
import { listPending } from '../store/approvals.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { type LockedModel, lockModel } from '../store/models.ts'
import { inTransaction } from '../store/transaction.ts'
import { stillHolds } from '../store/validations.ts'
import {
  findIncumbent,
  listIncumbents,
  loadVersion,
  type VersionRef,
  type VersionRow,
} from '../store/versions.ts'
import { type Answerer, type AnswerOutcome, answerIn } from './answer.ts'
import type { LifecycleDeps } from './deps.ts'

/** Why, in the caller's words, and whether the incumbents are archived; unsaid, as the policy or the request says. */
export type PromotionWish = { archiveExisting?: boolean; reason: string | null }

/** What asking for a version's promotion led to. */
export type PromotionOutcome =
  | AnswerOutcome
  /** Its tests run, since now or before; people are asked when they pass. `why` says what of the wish did not count yet. */
  | { kind: 'testing'; name: string; version: number; why: string | null }
  /** A request is open and waits for others than the caller. */
  | { kind: 'asked'; name: string; version: number; requestId: string; why: string }
  /** Moved at once, because the policy has no gate. */
  | { kind: 'moved'; name: string; version: number; replaced: number[] }
  /** It is in Production already; nothing changed. */
  | { kind: 'alreadyLive'; name: string; version: number }
  | { kind: 'notReady'; name: string; version: number; why: string }

/**
 * Asks for a version's promotion to Production. For an approver, on an open request, it is their decision
 * like any other; otherwise it asks those who may decide. Behind a gate it never skips a check. Throws NotFoundError.
 */
export function promote(
  db: Kysely<Database>,
  ref: VersionRef,
  wish: PromotionWish,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<PromotionOutcome> {
  return inTransaction(db, async (trx) => {
    const model = await lockModel(trx, ref.name)
    return promoteIn(trx, model, await loadVersion(trx, model, ref.version), wish, from, by, deps)
  })
}

/** {@link promote}, of a version that was loaded since this transaction locked its model. */
export async function promoteIn(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  wish: PromotionWish,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<PromotionOutcome> {
  const about = { name: model.name, version: version.version }
  const { rules, hash } = deps.policy.rulesFor(model.name)
  if (version.stage === 'Production') return { kind: 'alreadyLive', ...about }
  if (rules.gate === 'none') {
    const archiveExisting = wish.archiveExisting ?? rules.archiveExisting
    const event = { type: 'move', to: 'Production', gate: 'none', archiveExisting } as const
    const replaced = archiveExisting ? await listIncumbents(trx, model.id) : []
    const outcome = await advanceIn(trx, model, version, event, by, deps, { reason: wish.reason })
    return outcome.kind === 'moved'
      ? { kind: 'moved', ...about, replaced }
      : { kind: 'notReady', ...about, why: `It cannot leave ${outcome.stage} now.` }
  }
  const request = (await listPending(trx, model.id)).find((pending) => pending.version === version.version)
  if (request !== undefined) {
    const outcome = await answerIn(trx, model, request, { answer: 'approve', ...wish }, from, by, deps)
    return outcome.kind === 'refused' && outcome.refusal === 'notAnApprover'
      ? {
          kind: 'asked',
          ...about,
          requestId: request.id,
          why: 'Approval was asked for; an approver of this model must decide.',
        }
      : outcome
  }
  // Under the lock: a version that goes to Production meanwhile is one that this was not compared with (V8).
  const incumbent = await findIncumbent(trx, model.id)
  const current = await stillHolds(trx, version, { policyHash: hash, incumbent })
  const event = { type: 'requestApproval', current, freshId: deps.newId() } as const
  const outcome = await advanceIn(trx, model, version, event, by, deps, { reason: wish.reason })
  const isTesting = outcome.kind === 'moved' || version.state === 'testing'
  return isTesting
    ? { kind: 'testing', ...about, why: whyNotYet(wish.archiveExisting, rules.archiveExisting) }
    : { kind: 'notReady', ...about, why: whyNotReady(version) }
}

// Whether to archive is asked of the people who decide, so it is said when they do.
function whyNotYet(wished: boolean | undefined, usual: boolean): string | null {
  if (wished === undefined || wished === usual) return null
  const option = wished ? '--archive-existing' : '--no-archive-existing'
  return `Say ${option} again when you approve; the request is opened as the policy says.`
}

function whyNotReady(version: VersionRow): string {
  switch (`${version.stage}.${version.state}`) {
    case 'None.validating':
      return 'Its validation is still running; ask again when it is in Staging.'
    case 'None.rejected':
      return 'Its validation failed; see `greenroom info` for the figures, then register a better version or run `greenroom validate`.'
    case 'None.stuck':
      return 'Its validation could not be completed for technical reasons; run `greenroom validate` to try again.'
    case 'None.idle':
      return 'It has not been validated; run `greenroom validate` first.'
    case 'Archived.retired':
      return 'It is in Archived; run `greenroom validate` to bring it back to Staging through its checks.'
    default:
      return `It is in ${version.stage}; only a version in Staging can be promoted.`
  }
}
