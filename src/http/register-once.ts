// Registering what came under an id of its sender's: a webhook's delivery, or a call with an idempotency key.
//
// Invariants:
//   I1. The note of the id and what it led to commit together, before anybody is told of success (V7, V10).
//   I2. The same id with the same bytes changes nothing and is answered with where the version stands now.
//   I3. The same id with other bytes is refused, and the first effect stays.
import type { Kysely, Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { LifecycleDeps } from '../lifecycle/deps.ts'
import { type RegisterOutcome, type Registration, registerIn, type Standing } from '../lifecycle.ts'
import type { Database } from '../store/database.ts'
import { cameBefore, findEarlier, type InboundDelivery, insertDelivery } from '../store/deliveries.ts'
import type { Actor } from '../store/events.ts'
import { ensureModel } from '../store/models.ts'
import { inTransaction, leaveToCommit } from '../store/transaction.ts'
import { findVersion } from '../store/versions.ts'

export type OnceOutcome =
  | RegisterOutcome
  /** Nothing was to be registered, or what was has been deleted since. */
  | { kind: 'ignored' }
  /** The id had come with other bytes (I3). */
  | { kind: 'reused' }

/** Registers under an id, once (I1 to I3); null notes that the id was seen and registers nothing. */
export async function registerOnce(
  db: Kysely<Database>,
  delivery: InboundDelivery,
  registration: Registration | null,
  by: Actor,
  deps: LifecycleDeps,
): Promise<OnceOutcome> {
  try {
    return await inTransaction(db, (trx) => registerAndNote(trx, delivery, registration, by, deps))
  } catch (error) {
    if (!cameBefore(error)) throw error
    const earlier = await outcomeOfEarlier(db, delivery)
    // Forgotten in this very moment, as happens to deliveries after 30 days.
    return earlier ?? registerOnce(db, delivery, registration, by, deps)
  }
}

async function registerAndNote(
  trx: Transaction<Database>,
  delivery: InboundDelivery,
  registration: Registration | null,
  by: Actor,
  deps: LifecycleDeps,
): Promise<OnceOutcome> {
  const now = deps.now()
  if (registration === null) {
    leaveToCommit(trx, insertDelivery(trx, delivery, null, now))
    return { kind: 'ignored' }
  }
  const model = await ensureModel(trx, registration.name, now)
  const outcome = await registerIn(trx, model, registration, by, deps)
  // What is refused has no effect, so a corrected body may come under the same id.
  if (outcome.kind === 'conflict') return (await outcomeOfEarlier(trx, delivery)) ?? outcome
  leaveToCommit(trx, insertDelivery(trx, delivery, outcome, now))
  return outcome
}

async function outcomeOfEarlier(
  db: Kysely<Database>,
  delivery: InboundDelivery,
): Promise<OnceOutcome | undefined> {
  const earlier = await findEarlier(db, delivery)
  if (earlier === undefined || earlier.kind === 'reused') return earlier
  const { registered } = earlier
  return registered === null
    ? { kind: 'ignored' }
    : { kind: 'duplicate', ...(await standingOf(db, registered)) }
}

async function standingOf(db: Kysely<Database>, ref: { name: string; version: number }): Promise<Standing> {
  const row = await findVersion(db, ref)
  if (row === undefined)
    throw new NotFoundError(
      `Version ${ref.version} of "${ref.name}" was registered and has been deleted since.`,
    )
  return { ...ref, stage: row.stage, state: row.state }
}
