// How people's answers become decisions. Slack, the API, the CLI and the board all come through here.
//
// Invariants:
//   D1. The first final outcome of a request wins; later answers change nothing (V4, V6).
//   D2. A promotion happens only while everything that was pinned still holds (V8).
//   D3. The decision, the request's state and the version's move commit together (V2, V3).
import type { Kysely, Transaction } from 'kysely'
import { InvalidInputError } from '../errors.ts'
import { advanceIn } from '../lifecycle.ts'
import type { ApprovalState } from '../machines/approval.ts'
import { type Approval, decideApproval } from '../machines/decide.ts'
import { type AnswerFacts, type AnswerRefusal, explainRefusal, refusalOf } from '../machines/rules.ts'
import { canonicalName } from '../policy/people.ts'
import {
  type ApprovalRow,
  insertDecision,
  listDecisions,
  loadRequest,
  lockModelOfRequest,
  saveApproval,
} from '../store/approvals.ts'
import { appendCommands } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import type { LockedModel } from '../store/models.ts'
import { inTransaction } from '../store/transaction.ts'
import { findIncumbent, listIncumbents, loadVersion, type VersionRow } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'
import { closeRequest, endRequest, updateOf } from './effects.ts'

/** Who answers: a name as its channel knows it, and whether that channel grants the approver's right. */
export type Answerer = { name: string; mayApprove: boolean }

/** An answer to an approval request. A decline must give a reason. */
export type Answer =
  | {
      answer: 'approve'
      reason: string | null
      /** Overrides the request's; for the deciding answer only. */
      archiveExisting?: boolean
    }
  | { answer: 'decline'; reason: string }

export type AnswerOutcome = { name: string; version: number; requestId: string } & (
  | { kind: 'promoted'; replaced: number[] }
  | { kind: 'counted'; have: number; need: number }
  | { kind: 'declined' }
  /** This person had given this answer before; nothing changed. */
  | { kind: 'duplicate'; state: ApprovalState; why: string }
  /** The request had ended before; nothing changed. */
  | { kind: 'closed'; state: ApprovalState; why: string }
  /** What was pinned no longer holds; the request ended as stale instead. */
  | { kind: 'stale'; why: string }
  | { kind: 'refused'; refusal: AnswerRefusal; why: string }
)

/** Takes one person's answer to one request (D1 to D3). Throws NotFoundError for an unknown request. */
export async function answerRequest(
  db: Kysely<Database>,
  requestId: string,
  answer: Answer,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<AnswerOutcome> {
  if (answer.answer === 'decline' && answer.reason.trim() === '')
    throw new InvalidInputError('A decline needs a reason; say what would have to change.', 'reason_required')
  return inTransaction(db, async (trx) => {
    const model = await lockModelOfRequest(trx, requestId) // D1: answers to one model's requests come one after another
    return answerIn(trx, model, await loadRequest(trx, requestId), answer, from, by, deps)
  })
}

/** {@link answerRequest}, to a request that was loaded since this transaction locked its model. */
export async function answerIn(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  answer: Answer,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<AnswerOutcome> {
  const about = { name: model.name, version: request.version, requestId: request.id }
  const principal = canonicalName(deps.policy, from.name)
  if (request.state !== 'pending')
    return { ...about, ...(await answeredBefore(trx, request, principal, answer)) }
  const version = await loadVersion(trx, model, request.version)
  const facts = factsOf(request, version, principal, from, deps)
  const refusal = refusalOf(request.lifecycle.context, facts)
  if (refusal === 'alreadyAnswered' && answer.answer === 'approve')
    return { ...about, kind: 'duplicate', state: 'pending', why: explainRefusal(refusal) }
  if (refusal !== null) return { ...about, kind: 'refused', refusal, why: explainRefusal(refusal) }
  if (answer.answer === 'decline') {
    await decline(trx, model, request, version, facts, answer.reason, by, deps)
    return { ...about, kind: 'declined' }
  }
  const broken = await brokenPin(trx, model, request, version, deps)
  if (broken !== null) {
    await breakPin(trx, model, request, version, broken, by, deps)
    return { ...about, kind: 'stale', why: `${broken}; ask again with \`greenroom promote ${model.name}\`.` }
  }
  return { ...about, ...(await approve(trx, model, request, version, facts, answer, by, deps)) }
}

async function approve(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  version: VersionRow,
  facts: AnswerFacts,
  answer: Answer & { answer: 'approve' },
  by: Actor,
  deps: LifecycleDeps,
): Promise<{ kind: 'promoted'; replaced: number[] } | { kind: 'counted'; have: number; need: number }> {
  const next = mustAccept(decideApproval(request.lifecycle, { type: 'approve', ...facts }))
  const archiveExisting = answer.archiveExisting ?? request.archive_existing
  const need = next.context.quorum
  if (next.value === 'pending' && archiveExisting !== request.archive_existing)
    throw new InvalidInputError(
      'This request needs more than one approval, and all must approve the same thing; approve it without changing archive_existing.',
      'archive_existing_is_pinned',
    )
  await noteDecision(trx, request, facts, 'approve', answer.reason, by, deps)
  const have = next.context.approvedBy.length
  if (next.value === 'pending') {
    await saveApproval(trx, request.id, next, null)
    const standing = { stage: 'Staging', state: 'awaitingApproval' }
    const detail = { requestId: request.id, have, need }
    const entry = {
      version: request.version,
      type: 'approvalCounted',
      from: standing,
      to: standing,
      reason: answer.reason,
      detail,
    }
    await recordEvent(trx, model, entry, by, deps.now())
    await appendCommands(trx, [updateOf(model, request, deps)])
    return { kind: 'counted', have, need }
  }
  await closeRequest(trx, model, request, next, answer.reason, deps)
  const replaced = archiveExisting
    ? (await listIncumbents(trx, model.id)).filter((other) => other !== request.version)
    : []
  const event = { type: 'approved', requestId: request.id, archiveExisting } as const
  const detail = {
    requestId: request.id,
    approvedBy: next.context.approvedBy,
    digest: request.digest,
    replaced,
  }
  await mustMove(advanceIn(trx, model, version, event, by, deps, { reason: answer.reason, detail }))
  return { kind: 'promoted', replaced }
}

async function decline(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  version: VersionRow,
  facts: AnswerFacts,
  reason: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  const next = mustAccept(decideApproval(request.lifecycle, { type: 'decline', ...facts }))
  await noteDecision(trx, request, facts, 'decline', reason, by, deps)
  await closeRequest(trx, model, request, next, reason, deps)
  const event = { type: 'declined', requestId: request.id } as const
  await mustMove(
    advanceIn(trx, model, version, event, by, deps, { reason, detail: { requestId: request.id } }),
  )
}

async function breakPin(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  version: VersionRow,
  reason: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  if (!(await endRequest(trx, model, request, 'pinBroken', reason, deps)))
    throw new Error('a pending request did not end when its pin broke')
  await mustMove(
    advanceIn(trx, model, version, { type: 'stale', requestId: request.id }, by, deps, { reason }),
  )
}

// D2: the digest, the policy and the incumbent that people were shown are still the ones that hold. That the
// validation is still the last one is held by the lifecycle: a new one ends the wait, and with it the request.
async function brokenPin(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  version: VersionRow,
  deps: LifecycleDeps,
): Promise<string | null> {
  if (version.digest !== request.digest)
    return 'The artifact has another digest than the one that was asked about'
  if (deps.policy.rulesFor(model.name).hash !== request.policy_hash)
    return 'The policy has changed since this was asked, or the workers have another one than the server'
  if ((await findIncumbent(trx, model.id)) !== request.incumbent_version)
    return 'Another version is in Production than when this was asked'
  return null
}

function factsOf(
  request: ApprovalRow,
  version: VersionRow,
  principal: string,
  from: Answerer,
  deps: LifecycleDeps,
): AnswerFacts {
  const listed = request.approvers === null || request.approvers.includes(principal)
  const authors = [version.author, version.registered_by].filter((name) => name !== null)
  return {
    principal,
    isApprover: from.mayApprove && listed,
    isAuthor: authors.some((author) => canonicalName(deps.policy, author) === principal),
    now: deps.now().getTime(),
  }
}

async function answeredBefore(
  trx: Transaction<Database>,
  request: ApprovalRow,
  principal: string,
  answer: Answer,
): Promise<{ kind: 'duplicate' | 'closed'; state: ApprovalState; why: string }> {
  const decisions = await listDecisions(trx, request.id)
  const own = decisions.find((decision) => decision.principal === principal)
  if (own?.answer === answer.answer)
    return {
      kind: 'duplicate',
      state: request.state,
      why: 'You had given this answer before; it was counted once.',
    }
  const last = decisions.at(-1)
  const who =
    last === undefined || request.state === 'stale' ? (request.outcome_reason ?? '') : `by ${last.principal}`
  return {
    kind: 'closed',
    state: request.state,
    why: `This request is already ${request.state} (${who}); nothing was changed.`,
  }
}

async function noteDecision(
  trx: Transaction<Database>,
  request: ApprovalRow,
  facts: AnswerFacts,
  answer: Answer['answer'],
  reason: string | null,
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  await insertDecision(trx, {
    request_id: request.id,
    principal: facts.principal,
    answer,
    reason,
    channel: by.channel,
    at: deps.now(),
  })
}

// The rules have been asked before the machine; that they disagree would be a bug, and must undo everything.
function mustAccept(next: Approval | null): Approval {
  if (next === null) throw new Error('the approval machine refused what its rules allow')
  return next
}

async function mustMove(advanced: ReturnType<typeof advanceIn>): Promise<void> {
  const outcome = await advanced
  if (outcome.kind === 'refused')
    throw new Error(`the lifecycle refused its own request's end in ${outcome.state}`)
}
