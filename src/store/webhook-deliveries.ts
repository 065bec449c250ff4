// Deliveries of webhooks, each with the body that was frozen when its event was committed.
//
// Invariants:
//   E1. A delivery and the command that makes it are added in the transaction of what happened, for every webhook
//       that is then told of it, or not at all (L17). None is, where there was no webhook when the model was locked.
//   E2. Its id and its body are never changed (V14).
//   E3. What ended stays ended, until somebody asks for it once more.
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { EventName } from '../webhooks/events.ts'
import { daysAgo } from './clock.ts'
import { appendCommands, queueOf, wakeChannel } from './commands.ts'
import type { Database } from './database.ts'
import { prepared } from './prepared.ts'
import type { WebhookAttemptTable, WebhookDeliveryTable } from './schema.ts'
import { isOlderThan } from './webhooks.ts'

/** An event to be delivered; `sequence` is where it stands in the model's history. */
export type NewDelivery = EventName & {
  body: string
  model: string
  version: number | null
  sequence: number
  traceId: string
}

/** A delivery with what is needed to make it, whatever has become of its webhook since. */
export type Delivery = Selectable<WebhookDeliveryTable> & {
  url: string
  /** Sealed; null: not signed. */
  secret: string | null
  /** The webhook is neither disabled nor deleted. */
  isWanted: boolean
  /** The webhook did not answer lately, or was slow to. */
  isSilent: boolean
}

/** A delivery in a webhook's log, with its attempts in the order in which they were made. */
export type DeliveryRecord = Omit<Selectable<WebhookDeliveryTable>, 'body'> & {
  log: Selectable<WebhookAttemptTable>[]
}

/** What came of an attempt. */
export type AttemptResult = Omit<Selectable<WebhookAttemptTable>, 'delivery_id' | 'attempt'>

/**
 * Adds a delivery for every webhook that is told of the event, and wakes the dispatcher when the transaction commits
 * (E1). One statement, which ends at an empty index where nobody is told.
 */
export async function appendDeliveries(trx: Transaction<Database>, event: NewDelivery): Promise<void> {
  await insertDeliveries(trx, event)
}

const insertDeliveries = prepared(
  (_, { entity, action, body, model, version, sequence, traceId }: NewDelivery) => sql`
    with listener as (
      select webhook.id from webhook_event
      join webhook on webhook.id = webhook_event.webhook_id
      where webhook_event.entity = ${entity} and webhook_event.action = ${action}
        and webhook.status = 'ACTIVE' and webhook.deleted_at is null
    ), delivery as (
      insert into webhook_delivery
        (id, webhook_id, entity, action, body, model, version, sequence, created_at)
      select gen_random_uuid(), listener.id, ${entity}, ${action}, ${body}, ${model}, ${version}::integer,
        ${sequence}::integer, clock_timestamp()
      from listener
      returning id
    )
    insert into command (id, kind, queue, payload, model, version, trace_id)
    select gen_random_uuid(), 'deliverWebhook', ${queueOf.deliverWebhook},
      jsonb_build_object('deliveryId', delivery.id), ${model}, ${version}::integer, ${traceId}
    from delivery
    returning pg_notify(${wakeChannel}, '')`,
)

/** Finds a delivery, also one whose webhook is deleted. */
export function findDelivery(db: Kysely<Database>, id: string): Promise<Delivery | undefined> {
  return selectDelivery(db, id).executeTakeFirst()
}

/** Adds an attempt to a delivery's log. One that was taken ends the delivery, whatever it was given up for. */
export async function noteAttempt(
  db: Kysely<Database>,
  id: string,
  result: AttemptResult,
  isTaken: boolean,
): Promise<void> {
  await db
    .with('delivery', (cte) =>
      cte
        .updateTable('webhook_delivery')
        .set({
          attempts: sql<number>`attempts + 1`,
          ...(isTaken ? { status: 'delivered', ended_at: sql<Date>`clock_timestamp()` } : {}),
        })
        .where('id', '=', id)
        .returning(['id', 'attempts']),
    )
    .insertInto('webhook_attempt')
    .columns(['delivery_id', 'attempt', 'at', 'status', 'error', 'ms'])
    .expression((from) =>
      from
        .selectFrom('delivery')
        .select((of) => [
          'id',
          'attempts',
          of.val(result.at).as('at'),
          of.val(result.status).as('status'),
          of.val(result.error).as('error'),
          of.val(result.ms).as('ms'),
        ]),
    )
    .execute()
}

/** Ends a delivery that has not ended (E3). *Idempotent.* */
export async function endDelivery(
  trx: Transaction<Database>,
  id: string,
  status: 'dead' | 'cancelled',
): Promise<void> {
  await trx
    .updateTable('webhook_delivery')
    .set({ status, ended_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .execute()
}

/**
 * Whether a delivery was taken up once more, or why not: there is none, it has not ended, or its webhook is disabled
 * or deleted.
 */
export type Replay = 'replayed' | 'missing' | 'underWay' | 'unwanted'

/** Has a delivery that ended made once more, under the id and with the body it had (E2), for three days again. */
export async function replayDelivery(
  trx: Transaction<Database>,
  id: string,
  command: { id: string; traceId: string },
): Promise<Replay> {
  const delivery = await selectDelivery(trx, id).forUpdate('webhook_delivery').executeTakeFirst()
  if (delivery === undefined) return 'missing'
  if (delivery.status === 'pending') return 'underWay'
  if (!delivery.isWanted) return 'unwanted'
  const { model, version } = delivery
  await trx
    .updateTable('webhook_delivery')
    .set({ status: 'pending', ended_at: null })
    .where('id', '=', id)
    .execute()
  const payload = { deliveryId: id }
  await appendCommands(trx, [{ ...command, kind: 'deliverWebhook', payload, model, version }])
  return 'replayed'
}

/** A webhook's deliveries with their attempts, newest first; those older than `before` when given, at most `limit`. */
export async function listDeliveries(
  db: Kysely<Database>,
  webhookId: string,
  page: { limit: number; before?: string | undefined; status?: Delivery['status'] | undefined },
): Promise<DeliveryRecord[]> {
  let query = db.selectFrom('webhook_delivery').selectAll().where('webhook_id', '=', webhookId)
  if (page.status !== undefined) query = query.where('status', '=', page.status)
  if (page.before !== undefined) query = query.where(isOlderThan('webhook_delivery', page.before))
  const rows = await query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute()
  if (rows.length === 0) return []
  const ids = rows.map(({ id }) => id)
  const attempts = await db
    .selectFrom('webhook_attempt')
    .selectAll()
    .where('delivery_id', '=', sql<string>`any(${ids}::uuid[])`)
    .orderBy('attempt')
    .execute()
  const byDelivery = Map.groupBy(attempts, (attempt) => attempt.delivery_id)
  return rows.map(({ body: _, ...row }) => ({ ...row, log: byDelivery.get(row.id) ?? [] }))
}

/** Forgets deliveries that were made or cancelled long ago. Those that are dead stay to be looked at. */
export async function forgetDeliveries(
  db: Kysely<Database>,
  afterDays: number,
  limit: number,
): Promise<void> {
  const old = db
    .selectFrom('webhook_delivery')
    .select('id')
    .where(sql<boolean>`status in ('delivered', 'cancelled')`)
    .where('ended_at', '<', daysAgo(afterDays))
    .orderBy('ended_at')
    .limit(limit)
  await db.deleteFrom('webhook_delivery').where('id', 'in', old).execute()
}

function selectDelivery(db: Kysely<Database>, id: string) {
  return db
    .selectFrom('webhook_delivery')
    .innerJoin('webhook', 'webhook.id', 'webhook_delivery.webhook_id')
    .selectAll('webhook_delivery')
    .select(['webhook.url', 'webhook.secret'])
    .select(sql<boolean>`webhook.status = 'ACTIVE' and webhook.deleted_at is null`.as('isWanted'))
    .select(sql<boolean>`webhook.rests_until is not null`.as('isSilent'))
    .where('webhook_delivery.id', '=', id)
}
