// Delivering an event to a webhook.
//
// Invariants:
//   D1. Every attempt sends the id and the bytes that were committed with the event (V14).
//   D2. A delivery is tried for three days, ever more seldom, and is then dead and shown (L17).
//   D3. What was taken is noted before the command ends, so that an attempt that was overtaken is not made again.
//   D4. One receiver that does not answer, or is slow to, holds up no other: it is left alone for a while, and then
//       tried by one delivery at a time until it answers promptly again (L8).
//   D5. Neither the secret nor what the receiver says leaves this file (V13, R14).
import { buryCommand, type ClaimedCommand, finishCommand } from '../store/commands.ts'
import { inTransaction } from '../store/transaction.ts'
import { type Delivery, endDelivery, findDelivery, noteAttempt } from '../store/webhook-deliveries.ts'
import { restWebhook, tryRested } from '../store/webhooks.ts'
import { type Attempted, attemptOnce } from '../webhooks/attempt.ts'
import { openSecret } from '../webhooks/secrets.ts'
import { type Backoff, backoffMs } from './backoff.ts'
import type { CommandDeps } from './deps.ts'
import type { Ended } from './workers.ts'

type Deliver = ClaimedCommand & { kind: 'deliverWebhook' }
type DeliveryDeps = Pick<CommandDeps, 'db' | 'now' | 'outbound' | 'keys'>

const triedForMs = 3 * 86_400_000
// About 35 attempts in three days; half of them in the first hours.
const backoff: Backoff = { firstMs: 5_000, mostMs: 3 * 3_600_000 }
const rest: Backoff = { firstMs: 60_000, mostMs: 60_000 }
// Half of what an attempt may take. A receiver's answer is that it has the message, not what it makes of it.
const slowMs = 5_000
// Longer than an attempt takes.
const trialMs = 20_000
const gone = 410

/** Makes one attempt at a delivery, or ends it when nobody wants it any more. */
export async function runDeliverWebhook(
  deps: DeliveryDeps,
  command: Deliver,
  stop: AbortSignal,
): Promise<Ended> {
  const delivery = await findDelivery(deps.db, command.payload.deliveryId)
  if (delivery?.status !== 'pending') return finish(deps, command, 'the delivery had ended') // D3
  if (!delivery.isWanted) return finish(deps, command, 'the webhook is disabled or deleted', 'cancelled')
  const { id, webhook_id: webhook, isSilent } = delivery
  if (isSilent && !(await tryRested(deps.db, webhook, trialMs))) return wait(deps, command) // D4
  const at = deps.now()
  const attempted = await attempt(deps, delivery, at, stop)
  const { ms } = attempted
  const isSlow = ms >= slowMs
  if (isSlow || isSilent) await restWebhook(deps.db, webhook, isSlow ? rest.firstMs : null) // D4
  if (attempted.kind === 'failed') {
    await noteAttempt(deps.db, id, { at, ms, status: null, error: attempted.error }, false)
    return again(deps, command, `the receiver could not be told: ${attempted.error}`)
  }
  const { status, retryAfter } = attempted
  const isTaken = status >= 200 && status <= 299
  await noteAttempt(deps.db, id, { at, ms, status, error: null }, isTaken) // D3
  if (isTaken) return finish(deps, command, `delivered, answered with ${status}`)
  const why = `the receiver answered with ${status}`
  return status === gone ? { kind: 'dead', why } : again(deps, command, why, retryAfter)
}

/** Gives up on a delivery and its command together; it stays to be looked at (D2). */
export async function giveUpDelivery(deps: DeliveryDeps, command: Deliver, why: string): Promise<void> {
  await inTransaction(deps.db, async (trx) => {
    if (await buryCommand(trx, command, why)) await endDelivery(trx, command.payload.deliveryId, 'dead')
  })
}

type Made = Attempted | { kind: 'failed'; error: 'locked'; ms: number }

async function attempt(deps: DeliveryDeps, delivery: Delivery, at: Date, stop: AbortSignal): Promise<Made> {
  const { url, secret: sealed, webhook_id: owner } = delivery
  const opened = sealed === null ? null : openSecret(deps.keys, sealed, owner)
  // A receiver that expects a signature must never be sent to without one.
  if (opened?.kind === 'locked') return { kind: 'failed', error: 'locked', ms: 0 }
  const dispatch = { url, secret: opened?.secret ?? null, message: delivery } // D1
  return attemptOnce(dispatch, deps.outbound, at, stop)
}

async function finish(deps: DeliveryDeps, command: Deliver, note: string, end?: 'cancelled'): Promise<Ended> {
  await inTransaction(deps.db, async (trx) => {
    await finishCommand(trx, command)
    if (end !== undefined) await endDelivery(trx, command.payload.deliveryId, end)
  })
  return { kind: 'done', note }
}

function again(deps: DeliveryDeps, command: Deliver, why: string, retryAfter: string | null = null): Ended {
  const now = deps.now().getTime()
  const leftMs = leftFor(command, now)
  if (leftMs <= 0) return { kind: 'dead', why } // D2
  const wishMs = Math.min(wishedMs(retryAfter, now), backoff.mostMs)
  const waitMs = Math.max(backoffMs(command.failures, backoff), wishMs)
  // The last attempt is made when the three days are over, however long the wait would have been.
  return { kind: 'retry', why, afterMs: Math.min(waitMs, leftMs) }
}

/** Leaves the receiver alone; a delivery that has waited for three days for it to answer is dead as well (D2). */
function wait(deps: DeliveryDeps, command: Deliver): Ended {
  const why = 'the receiver does not answer promptly'
  const leftMs = leftFor(command, deps.now().getTime())
  if (leftMs <= 0) return { kind: 'dead', why }
  return { kind: 'later', why, afterMs: Math.min(backoffMs(0, rest), leftMs) }
}

function leftFor({ createdAt }: Deliver, now: number): number {
  return createdAt.getTime() + triedForMs - now
}

/** What a receiver asks for in `Retry-After`, in seconds or as a date; 0 when it asks for nothing. */
function wishedMs(header: string | null, now: number): number {
  if (header === null) return 0
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isNaN(ms) ? 0 : Math.max(0, ms)
}
