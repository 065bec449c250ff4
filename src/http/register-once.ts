// Registering what came under an id of its sender's: a webhook's delivery, or a call with an idempotency key.
//
// Invariants:
//   I1. The claim of the id and what it led to commit together, before anybody is told of success (V7, V10).
//   I2. The same id with the same bytes changes nothing and is answered with where the version stands now.
//   I3. The same id with other bytes is refused, and the first effect stays.

import type { Kysely, Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { LifecycleDeps } from '../lifecycle/deps.ts'
import { type RegisterOutcome, type Registration, registerIn, type Standing } from '../lifecycle.ts'
import type { Database } from '../store/database.ts'
import { claimDelivery, type DeliveryKey, noteRegistered, releaseDelivery } from '../store/deliveries.ts'
import type { Actor } from '../store/events.ts'
import { ensureModel, lockIfExists } from '../store/models.ts'
import { inTransaction, leaveToCommit } from '../store/transaction.ts'
import { findVersion } from '../store/versions.ts'

export type OnceOutcome =
  | RegisterOutcome
  /** Nothing was to be registered, or what was has been deleted since. */
  | { kind: 'ignored' }
  /** The id had come with other bytes (I3). */
  | { kind: 'reused' }

/** Registers under an id, once (I1 to I3); null notes that the id was seen and registers nothing. */
export function registerOnce(
  db: Kysely<Database>,
  delivery: DeliveryKey & { bodyHash: string },
  registration: Registration | null,
  by: Actor,
  deps: LifecycleDeps,
): Promise<OnceOutcome> {
  const { bodyHash, ...key } = delivery
  return inTransaction(db, async (trx): Promise<OnceOutcome> => {
    const now = deps.now()
    const [claim, known] = await Promise.all([
      claimDelivery(trx, key, bodyHash, now),
      registration && lockIfExists(trx, registration.name),
    ])
    if (claim.kind === 'reused') return claim
    if (claim.kind === 'replay')
      return claim.registered === null
        ? { kind: 'ignored' }
        : { kind: 'duplicate', ...(await standingOf(trx, claim.registered)) }
    if (registration === null) return { kind: 'ignored' }
    const model = known ?? (await ensureModel(trx, registration.name, now))
    const outcome = await registerIn(trx, model, registration, by, deps)
    // What was refused had no effect, so a corrected body may come under the same id.
    leaveToCommit(
      trx,
      outcome.kind === 'conflict' ? releaseDelivery(trx, key) : noteRegistered(trx, key, outcome),
    )
    return outcome
  })
}

async function standingOf(
  trx: Transaction<Database>,
  ref: { name: string; version: number },
): Promise<Standing> {
  const row = await findVersion(trx, ref)
  if (row === undefined)
    throw new NotFoundError(
      `Version ${ref.version} of "${ref.name}" was registered and has been deleted since.`,
    )
  return { ...ref, stage: row.stage, state: row.state }
}
