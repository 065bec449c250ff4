import type { Kysely, Transaction } from 'kysely'
import { daysAgo } from './clock.ts'
import { type Database, violates } from './database.ts'
import { prepared } from './prepared.ts'

/** An inbound delivery: where it came from, the id its sender gave it, and a hash of its bytes. */
export type InboundDelivery = { source: string; id: string; bodyHash: string }

/** What a delivery that came before has led to. */
export type Earlier =
  /** The same bytes; what they registered, or null when they registered nothing. */
  | { kind: 'replay'; registered: { name: string; version: number } | null }
  /** Other bytes. */
  | { kind: 'reused' }

/**
 * Notes that a delivery came and what it registered. A copy that arrives at the same time waits here until the first
 * one's transaction ends, and then fails with {@link cameBefore}, or takes its place when it was undone (V7).
 */
export async function insertDelivery(
  trx: Transaction<Database>,
  { source, id, bodyHash }: InboundDelivery,
  registered: { name: string; version: number } | null,
  now: Date,
): Promise<void> {
  const { name, version } = registered ?? { name: null, version: null }
  await insertRow(trx, { source, id, bodyHash, name, version, now })
}

/** Tells whether an error means that the delivery's id had come before. *Pure.* */
export function cameBefore(error: unknown): boolean {
  return violates(error, 'delivery_pkey')
}

/** What came before under a delivery's id; undefined when nothing did. */
export async function findEarlier(
  db: Kysely<Database>,
  { source, id, bodyHash }: InboundDelivery,
): Promise<Earlier | undefined> {
  const first = await db
    .selectFrom('delivery')
    .selectAll()
    .where('source', '=', source)
    .where('id', '=', id)
    .executeTakeFirst()
  if (first === undefined) return undefined
  if (first.body_hash !== bodyHash) return { kind: 'reused' }
  const { model: name, version } = first
  return { kind: 'replay', registered: name === null || version === null ? null : { name, version } }
}

/** Forgets deliveries that came long ago, at most `limit`, the oldest first. A copy that comes later still is a new one. */
export async function forgetArrived(db: Kysely<Database>, afterDays: number, limit: number): Promise<void> {
  const old = db
    .selectFrom('delivery')
    .select(['source', 'id'])
    .where('received_at', '<', daysAgo(afterDays))
    .orderBy('received_at')
    .limit(limit)
    .forUpdate()
    .skipLocked()
  await db
    .deleteFrom('delivery')
    .where((of) => of(of.refTuple('source', 'id'), 'in', old.$asTuple('source', 'id')))
    .execute()
}

type NewRow = InboundDelivery & { name: string | null; version: number | null; now: Date }

const insertRow = prepared((db, row: NewRow) =>
  db.insertInto('delivery').values({
    source: row.source,
    id: row.id,
    body_hash: row.bodyHash,
    model: row.name,
    version: row.version,
    received_at: row.now,
  }),
)
