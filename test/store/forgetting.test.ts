// What is forgotten when it is old is looked for every second, among all that is young.
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { forgetEnded } from '../../src/store/abandoned-commands.ts'
import type { Database } from '../../src/store/database.ts'
import { forgetArrived } from '../../src/store/deliveries.ts'
import { forgetDeliveries } from '../../src/store/webhook-deliveries.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { rewritingText } from '../helpers/mutants.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await openTestDatabase()
})
afterEach(() => database.close())

const young = 5_000
const fill = {
  delivery: sql`
    insert into delivery (source, id, body_hash, received_at)
    select 's', n::text, 'h', now() from generate_series(1, ${young}::integer) n`,
  command: sql`
    insert into command (id, kind, queue, payload, model, version, trace_id, status, finished_at)
    select gen_random_uuid(), 'runCheck', 'checks', '{}', 'm', 1, 't', 'done', now()
    from generate_series(1, ${young}::integer)`,
  webhook_delivery: sql`
    with hook as (
      insert into webhook (id, name, url, status, created_at, updated_at)
      values (gen_random_uuid(), 'h', 'https://r.example', 'ACTIVE', now(), now()) returning id
    )
    insert into webhook_delivery
      (id, webhook_id, entity, action, body, model, sequence, status, created_at, ended_at)
    select gen_random_uuid(), hook.id, 'e', 'a', '{}', 'm', 1, 'delivered', now(), now()
    from hook, generate_series(1, ${young}::integer)`,
}
const forget = { delivery: forgetArrived, command: forgetEnded, webhook_delivery: forgetDeliveries }
const tables = ['delivery', 'command', 'webhook_delivery'] as const

/** How many rows of a table are looked at to find that none is old. */
async function looked(table: (typeof tables)[number], broken?: ReturnType<typeof rewritingText>) {
  await fill[table].execute(database.db)
  await sql`analyze ${sql.table(table)}`.execute(database.db)
  return database.db.connection().execute(async (db) => {
    const before = await readSoFar(db, table)
    await forget[table](broken === undefined ? db : db.withPlugin(broken), 30, 500)
    return (await readSoFar(db, table)) - before
  })
}

async function readSoFar(db: Kysely<Database>, table: string): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(db)
  const { rows } = await sql<{ count: number }>`
    select (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as count
    from pg_stat_user_tables where relname = ${table}`.execute(db)
  return rows[0]?.count ?? Number.NaN
}

test.each(tables)('an index leads to what is old (%s)', async (table) => {
  expect(await looked(table)).toBeLessThan(100)
})

test.each(tables)('all is read on a build whose clock goes on within a statement (%s)', async (table) => {
  const moving = rewritingText((text) => text.replace('now()', 'clock_timestamp()'))
  expect(await looked(table, moving)).toBeGreaterThanOrEqual(young)
})
