// The history of a model: what happened to its versions, who did it, through which channel and why.
//
// Invariants:
//   H1. Rows are only ever added (a trigger refuses the rest), gapless by `seq` per model (V2).
//   H2. Each row carries the hash of the row before it, so a row that was edited or removed shows.
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { canonicalJson, sha256 } from '../canonical-json.ts'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'
import { prepared } from './prepared.ts'
import type { EventTable } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** Who acts, through which channel, and the id that follows the cause through everything it leads to. */
export type Actor = { principal: string; channel: string; traceId: string }

/** A stage and the finer state inside it. */
export type Standing = { stage: string; state: string }

/** A thing that happened, about to become a history row. */
export type HistoryEntry = {
  /** Null: it happened to the model itself. */
  version: number | null
  type: string
  /** Null for a registration, and for what happened to the model itself. */
  from: Standing | null
  /** Null where no version stands anywhere afterwards: it was deleted, or it is about the model itself. */
  to: Standing | null
  reason?: string | null
  detail?: Record<string, unknown>
  /** The model counts as unchanged since before. */
  unnoticed?: true
}

/** Adds one row to a model's history and moves the model's chain on (H1, H2), in one statement. */
export async function recordEvent(
  trx: Transaction<Database>,
  model: LockedModel,
  entry: HistoryEntry,
  by: Actor,
  now: Date,
): Promise<void> {
  const content = {
    model_id: model.id,
    seq: model.lastSeq + 1,
    model: model.name,
    version: entry.version,
    type: entry.type,
    from_stage: entry.from?.stage ?? null,
    from_state: entry.from?.state ?? null,
    to_stage: entry.to?.stage ?? null,
    to_state: entry.to?.state ?? null,
    actor: by.principal,
    channel: by.channel,
    reason: entry.reason ?? null,
    detail: entry.detail ?? {},
    trace_id: by.traceId,
    at: now,
    prev_hash: model.lastHash,
  }
  model.lastSeq = content.seq
  model.lastHash = hashOf(content)
  await insertEvent(trx, {
    ...content,
    detail: JSON.stringify(content.detail),
    hash: model.lastHash,
    nextVersion: model.nextVersion,
    changedAt: entry.unnoticed ? null : now,
  })
}

type Content = Omit<Selectable<EventTable>, 'hash'>
type NewEvent = Omit<Content, 'detail'> & {
  detail: string
  hash: string
  nextVersion: number
  /** Null: as before. */
  changedAt: Date | null
}

const insertEvent = prepared((db, event: NewEvent) =>
  db
    .with('recorded', (cte) =>
      cte.insertInto('event').values({
        model_id: event.model_id,
        seq: event.seq,
        model: event.model,
        version: event.version,
        type: event.type,
        from_stage: event.from_stage,
        from_state: event.from_state,
        to_stage: event.to_stage,
        to_state: event.to_state,
        actor: event.actor,
        channel: event.channel,
        reason: event.reason,
        detail: sql`${event.detail}::jsonb`,
        trace_id: event.trace_id,
        at: event.at,
        prev_hash: event.prev_hash,
        hash: event.hash,
      }),
    )
    .updateTable('registered_model')
    .set({
      next_version: event.nextVersion,
      last_seq: event.seq,
      last_hash: event.hash,
      updated_at: sql<Date>`coalesce(${event.changedAt}::timestamptz, updated_at)`,
    })
    .where('id', '=', event.model_id),
)

/** A model's history, oldest first; after `afterSeq` when given, at most `limit` rows. */
export function listEvents(
  db: Kysely<Database>,
  modelId: number,
  page: { afterSeq?: number; limit: number; version?: number },
): Promise<Selectable<EventTable>[]> {
  let query = db.selectFrom('event').selectAll().where('model_id', '=', modelId)
  if (page.afterSeq !== undefined) query = query.where('seq', '>', page.afterSeq)
  if (page.version !== undefined) query = query.where('version', '=', page.version)
  return query.orderBy('seq').limit(page.limit).execute()
}

/** Checks a model's whole chain; the `seq` of the first row that is missing or was changed, or null. */
export function findBrokenLink(db: Kysely<Database>, modelId: number): Promise<number | null> {
  return inTransaction(db, async (trx) => {
    // What is recorded meanwhile belongs to no batch, nor to the end that the chain must have.
    await sql`set transaction isolation level repeatable read, read only`.execute(trx)
    let previous = { seq: 0, hash: '' }
    for (let isEnd = false; !isEnd; ) {
      const rows = await listEvents(trx, modelId, { afterSeq: previous.seq, limit: linksAtOnce })
      for (const { hash, ...content } of rows) {
        const intact =
          content.seq === previous.seq + 1 && content.prev_hash === previous.hash && hashOf(content) === hash
        if (!intact) return previous.seq + 1
        previous = { seq: content.seq, hash }
      }
      isEnd = rows.length < linksAtOnce
    }
    const model = await trx
      .selectFrom('registered_model')
      .select('last_hash')
      .where('id', '=', modelId)
      .executeTakeFirst()
    return model !== undefined && model.last_hash !== previous.hash ? previous.seq + 1 : null
  })
}

// A long history is not held in memory as a whole.
const linksAtOnce = 1_000

function hashOf(content: Content): string {
  return sha256(canonicalJson(content))
}
