import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import { prepared } from './prepared.ts'

/** Names one inbound delivery: where it came from and the id its sender gave it. */
export type DeliveryKey = { source: string; id: string }

/** Whether this transaction is the first to hold a delivery, or finds what an earlier one made of it. */
export type Claim =
  | { kind: 'claimed' }
  /** The same bytes had arrived before; what they registered, or null when they registered nothing. */
  | { kind: 'replay'; registered: { name: string; version: number } | null }
  /** The id had been used for other bytes. */
  | { kind: 'reused' }

/**
 * Claims a delivery by its id. A copy that arrives at the same time waits here until the first one's
 * transaction ends, and then sees its outcome, or takes its place when it was undone (V7).
 */
export async function claimDelivery(
  trx: Transaction<Database>,
  key: DeliveryKey,
  bodyHash: string,
  now: Date,
): Promise<Claim> {
  const inserted = await insertDelivery(trx, { ...key, bodyHash, now })
  if (inserted.numAffectedRows === 1n) return { kind: 'claimed' }
  const first = await trx
    .selectFrom('delivery')
    .selectAll()
    .where('source', '=', key.source)
    .where('id', '=', key.id)
    .executeTakeFirstOrThrow()
  if (first.body_hash !== bodyHash) return { kind: 'reused' }
  const registered =
    first.model === null || first.version === null ? null : { name: first.model, version: first.version }
  return { kind: 'replay', registered }
}

/** Notes on a claimed delivery what it registered. */
export async function noteRegistered(
  trx: Transaction<Database>,
  key: DeliveryKey,
  registered: { name: string; version: number },
): Promise<void> {
  const { name, version } = registered
  await updateDelivery(trx, { ...key, name, version })
}

/** Lets go of a claimed delivery that had no effect, so that its id may be used again. */
export async function releaseDelivery(trx: Transaction<Database>, key: DeliveryKey): Promise<void> {
  await trx.deleteFrom('delivery').where('source', '=', key.source).where('id', '=', key.id).execute()
}

const insertDelivery = prepared(
  (db, { source, id, bodyHash, now }: DeliveryKey & { bodyHash: string; now: Date }) =>
    db
      .insertInto('delivery')
      .values({ source, id, body_hash: bodyHash, received_at: now })
      .onConflict((conflict) => conflict.columns(['source', 'id']).doNothing()),
)

const updateDelivery = prepared(
  (db, { source, id, name, version }: DeliveryKey & { name: string; version: number }) =>
    db
      .updateTable('delivery')
      .set({ model: name, version })
      .where('source', '=', source)
      .where('id', '=', id),
)
