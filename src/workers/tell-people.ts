// Telling people: posting a request, rewriting it, and answering one person alone.
//
// Invariants:
//   T1. What was shown is compared with what holds now before the command ends; if it differs, the message is
//       rewritten by a command of its own. The same is done by an attempt that finds after sending that it was
//       overtaken, for what it sent may have landed last. So the last rewrite shows the end, whatever overtook what,
//       unless it was sent by a process that died in its call.
//   T2. Posting may happen more than once, never under two identities: all copies act as the same request (V12).
//   T3. An attempt that was overtaken asks for no rewrite where one waits that has not begun: that one shows what
//       holds later. So of all that overtake each other one waits at most, and the first that keeps its lease is
//       the last.
import type { Transaction } from 'kysely'
import { LostLeaseError } from '../errors.ts'
import { expireRequest } from '../lifecycle/expire.ts'
import type { Delivery, MessageRef, RequestView } from '../notifiers/notifier.ts'
import { type ApprovalRow, listDecisions, loadRequest, lockRequest, saveMessage } from '../store/approvals.ts'
import {
  appendCommands,
  type ClaimedCommand,
  finishCommand,
  isRewriteWaiting,
  type NewCommand,
} from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { inTransaction } from '../store/transaction.ts'
import type { CommandDeps } from './deps.ts'
import { loadRequestView } from './request-view.ts'
import type { Ended } from './workers.ts'

type Of<K extends ClaimedCommand['kind']> = ClaimedCommand & { kind: K }

/** Posts a request. One that has ended meanwhile is not asked about any more. */
export async function runPostRequest(deps: CommandDeps, command: Of<'postRequest'>): Promise<Ended> {
  const view = await loadRequestView(deps.db, command.payload.requestId)
  if (view.state !== 'pending') return finish(deps, command, 'ended before it was posted')
  const sent = await deps.notifier.post(view, command.attempt > 1)
  if (sent.kind !== 'sent') return asEnded(sent)
  await endShown(deps, command, view, sent.message)
  return { kind: 'done', note: `asked in ${deps.notifier.name}` }
}

/** Rewrites a request's message to how the request stands now. */
export async function runUpdateRequest(deps: CommandDeps, command: Of<'updateRequest'>): Promise<Ended> {
  const { message } = await loadRequest(deps.db, command.payload.requestId)
  if (message === null) return finish(deps, command, 'not posted yet; its post will show how it stands')
  const view = await loadRequestView(deps.db, command.payload.requestId)
  const sent = await deps.notifier.update(view, message)
  if (sent.kind !== 'sent') return asEnded(sent)
  await endShown(deps, command, view, null)
  return { kind: 'done', note: `message shows ${view.state}` }
}

/** Ends a request whose deadline has passed; waits on when the clocks disagree. */
export async function runExpireRequest(deps: CommandDeps, command: Of<'expireRequest'>): Promise<Ended> {
  const outcome = await expireRequest(deps.db, { ...command, requestId: command.payload.requestId }, deps)
  return outcome === 'not yet'
    ? { kind: 'later', why: 'the deadline has not passed by this clock', afterMs: 1_000 }
    : { kind: 'done', note: `deadline: ${outcome}` }
}

/** Says something to one person only. */
export async function runReplyPrivately(deps: CommandDeps, command: Of<'replyPrivately'>): Promise<Ended> {
  const { channel, user, text } = command.payload
  const sent = await deps.notifier.replyPrivately({ channel, user }, text)
  return sent.kind === 'sent' ? finish(deps, command, 'told privately') : asEnded(sent)
}

type Shows = Of<'postRequest' | 'updateRequest'>

async function endShown(
  deps: CommandDeps,
  command: Shows,
  shown: RequestView,
  posted: MessageRef | null,
): Promise<void> {
  try {
    await inTransaction(deps.db, async (trx) => {
      await finishCommand(trx, command)
      const request = await lockRequest(trx, shown.id)
      if (posted !== null) await saveMessage(trx, shown.id, posted)
      if (!(await isShown(trx, request, shown))) await appendCommands(trx, [rewriteAfter(deps, command)]) // T1
    })
  } catch (error) {
    if (error instanceof LostLeaseError) await rewriteOnceMore(deps, command) // T1
    throw error
  }
}

// The row is locked so that of several that were overtaken each sees what the one before it has asked for.
async function rewriteOnceMore(deps: CommandDeps, command: Shows): Promise<void> {
  const { requestId } = command.payload
  await inTransaction(deps.db, async (trx) => {
    await lockRequest(trx, requestId)
    if (await isRewriteWaiting(trx, requestId)) return // T3
    await appendCommands(trx, [rewriteAfter(deps, command)])
  })
}

function rewriteAfter({ newId }: CommandDeps, { model, version, traceId, payload }: Shows): NewCommand {
  return { id: newId(), kind: 'updateRequest', payload, model, version, traceId }
}

// The row is locked so that a decision is either seen here or finds the message's coordinates saved.
async function isShown(
  trx: Transaction<Database>,
  request: ApprovalRow,
  shown: RequestView,
): Promise<boolean> {
  const decisions = await listDecisions(trx, request.id)
  return request.state === shown.state && decisions.length === shown.decisions.length
}

async function finish(deps: CommandDeps, command: ClaimedCommand, note: string): Promise<Ended> {
  await inTransaction(deps.db, (trx) => finishCommand(trx, command))
  return { kind: 'done', note }
}

function asEnded(sent: Exclude<Delivery<object>, { kind: 'sent' }>): Ended {
  return sent.kind === 'fatal'
    ? { kind: 'dead', why: sent.why }
    : { kind: 'retry', why: sent.why, afterMs: sent.afterMs }
}
