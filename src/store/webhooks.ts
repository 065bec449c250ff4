import { type Kysely, type NotNull, type Selectable, sql, type Transaction } from 'kysely'
import type { EventName } from '../webhooks/events.ts'
import { fromNow } from './clock.ts'
import type { Database } from './database.ts'
import type { WebhookStatus, WebhookTable } from './schema.ts'

/** A webhook with what it is told of. Its secret is sealed. */
export type Webhook = Selectable<WebhookTable> & { events: EventName[] }

/** What somebody sets of a webhook. `secret` is sealed; null: deliveries are not signed. */
export type WebhookSettings = {
  name: string
  url: string
  description: string | null
  status: WebhookStatus
  secret: string | null
  events: readonly EventName[]
}

/** Adds a webhook. Its events are distinct. */
export async function insertWebhook(
  trx: Transaction<Database>,
  id: string,
  settings: WebhookSettings,
  now: Date,
): Promise<Webhook> {
  const { events, ...columns } = settings
  const row = await trx
    .insertInto('webhook')
    .values({ id, ...columns, created_at: now, updated_at: now })
    .returningAll()
    .executeTakeFirstOrThrow()
  await insertEvents(trx, id, events)
  return { ...row, events: [...events] }
}

/** Changes what is given of a webhook; undefined when there is none. Distinct events replace those it had. */
export async function updateWebhook(
  trx: Transaction<Database>,
  id: string,
  changes: Partial<WebhookSettings>,
  now: Date,
): Promise<Webhook | undefined> {
  const { events, ...columns } = changes
  const updated = await trx
    .updateTable('webhook')
    .set({ ...columns, updated_at: now })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (updated === undefined) return undefined
  if (events !== undefined) {
    await trx.deleteFrom('webhook_event').where('webhook_id', '=', id).execute()
    await insertEvents(trx, id, events)
  }
  return findWebhook(trx, id)
}

/** Takes a webhook out of sight, and its secret out of the database; false when there is none. */
export async function deleteWebhook(db: Kysely<Database>, id: string, now: Date): Promise<boolean> {
  const result = await db
    .updateTable('webhook')
    .set({ deleted_at: now, updated_at: now, secret: null })
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Finds a webhook that is not deleted. */
export function findWebhook(db: Kysely<Database>, id: string): Promise<Webhook | undefined> {
  return selectWebhooks(db).where('id', '=', id).executeTakeFirst()
}

/** Has a webhook left alone for a while, or no longer. */
export async function restWebhook(db: Kysely<Database>, id: string, ms: number | null): Promise<void> {
  await db
    .updateTable('webhook')
    .set({ rests_until: ms === null ? null : fromNow(ms) })
    .where('id', '=', id)
    .execute()
}

/** Tells whether a webhook has rested long enough to be tried by the caller alone, who has `ms` for it. */
export async function tryRested(db: Kysely<Database>, id: string, ms: number): Promise<boolean> {
  const result = await db
    .updateTable('webhook')
    .set({ rests_until: fromNow(ms) })
    .where('id', '=', id)
    .where(sql<boolean>`coalesce(rests_until <= clock_timestamp(), true)`)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Replaces each sealed secret for which `change` gives another one, unless it was set anew meanwhile; tells how many. */
export async function replaceSecrets(
  db: Kysely<Database>,
  change: (secret: string, id: string) => string | null,
): Promise<number> {
  const rows = await db
    .selectFrom('webhook')
    .select(['id', 'secret'])
    .where('secret', 'is not', null)
    .$narrowType<{ secret: NotNull }>()
    .execute()
  let replaced = 0
  for (const { id, secret } of rows) {
    const changed = change(secret, id)
    if (changed === null) continue
    const result = await db
      .updateTable('webhook')
      .set({ secret: changed })
      .where('id', '=', id)
      .where('secret', '=', secret)
      .executeTakeFirst()
    replaced += Number(result.numUpdatedRows)
  }
  return replaced
}

/** Tells whether there is such a webhook, or was. */
export async function hasWebhook(db: Kysely<Database>, id: string): Promise<boolean> {
  const row = await db.selectFrom('webhook').select('id').where('id', '=', id).executeTakeFirst()
  return row !== undefined
}

/** Webhooks that are not deleted, newest first; those older than `after` when given, at most `limit`. */
export function listWebhooks(
  db: Kysely<Database>,
  page: { limit: number; after?: string | undefined },
): Promise<Webhook[]> {
  let query = selectWebhooks(db)
  if (page.after !== undefined) query = query.where(isOlderThan('webhook', page.after))
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute()
}

/** The condition of standing behind the row with this id in a list that has the newest first. *Pure.* */
export function isOlderThan(table: 'webhook' | 'webhook_delivery', id: string) {
  const that = sql.table(table)
  return sql<boolean>`(created_at, id) < (select created_at, id from ${that} as that where that.id = ${id})`
}

function selectWebhooks(db: Kysely<Database>) {
  const events = sql<EventName[]>`(
    select jsonb_agg(jsonb_build_object('entity', entity, 'action', action) order by position)
    from webhook_event where webhook_id = webhook.id)`
  return db
    .selectFrom('webhook')
    .selectAll('webhook')
    .select(events.as('events'))
    .where('deleted_at', 'is', null)
}

async function insertEvents(
  trx: Transaction<Database>,
  id: string,
  events: readonly EventName[],
): Promise<void> {
  await trx
    .insertInto('webhook_event')
    .values(events.map(({ entity, action }, position) => ({ webhook_id: id, position, entity, action })))
    .execute()
}
