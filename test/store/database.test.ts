import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { forgetEnded, listOverdueQueued, reclaimAbandoned } from '../../src/store/abandoned-commands.ts'
import { cancelDeadline } from '../../src/store/cancelled-commands.ts'
import { takeDue } from '../../src/store/commands.ts'
import { isUnavailable, openDatabase, readTime } from '../../src/store/database.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { listIncumbents } from '../../src/store/versions.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { until } from '../helpers/until.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

function openOne() {
  return openDatabase({ url: database.url, size: 1, name: 'one connection', onConnectionError: () => {} })
}

test('a statement is prepared once on a connection, however often it is asked', async () => {
  const db = openOne()
  for (const name of ['a', 'b', 'c'])
    await db.selectFrom('registered_model').select('id').where('name', '=', name).execute()
  const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db)
  await db.destroy()
  expect(rows).toEqual([{ statement: 'select "id" from "registered_model" where "name" = $1' }])
})

test('lists of many lengths do not fill a connection with prepared statements', async () => {
  const db = openOne()
  for (let length = 1; length <= 600; length++) {
    const names = Array.from({ length }, (_, index) => `${index}`)
    await db.selectFrom('registered_model').select('id').where('name', 'in', names).execute()
  }
  const { rows } = await sql<{
    count: number
  }>`select count(*)::int as count from pg_prepared_statements`.execute(db)
  await db.destroy()
  expect(rows).toEqual([{ count: 500 }])
})

test('connections outlast a pause of half a minute, and are let go of in a longer one', async () => {
  const db = openDatabase({ url: database.url, size: 4, name: 'pausing', onConnectionError: () => {} })
  onTestFinished(() => db.destroy())
  const useAll = async () => {
    const ask = sql<{ pid: number }>`select pg_backend_pid() as pid from pg_sleep(0.1)`
    const asked = await Promise.all(Array.from({ length: 4 }, () => ask.execute(db)))
    return asked.flatMap(({ rows }) => rows.map(({ pid }) => pid)).sort()
  }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const connections = await useAll()
  vi.advanceTimersByTime(30_000)
  expect(await useAll()).toEqual(connections)
  vi.advanceTimersByTime(60_000)
  await until(async () => {
    const { rows } = await sql`select from pg_stat_activity where pid = any(${connections})`.execute(
      database.db,
    )
    return rows.length === 0
  })
})

test('a table that a migration changes fails one call, as something to try again, and no later one', async () => {
  const db = openOne()
  const ask = () => db.selectFrom('session').selectAll().where('secret_hash', '=', 'none').execute()
  await ask()
  await sql`alter table session add column later text`.execute(database.db)
  expect(isUnavailable(await ask().catch((error: unknown) => error))).toBe(true)
  expect(await ask()).toEqual([])
  await db.destroy()
})

test('what is due or overdue is found by its index, whatever values a prepared statement is called with', async () => {
  const db = openOne()
  await takeDue(db, 10, 1_000)
  await reclaimAbandoned(db, 10)
  await listOverdueQueued(db, 10)
  await forgetEnded(db, 30, 10)
  await db.transaction().execute((trx) => cancelDeadline(trx, randomUUID()))
  await listIncumbents(db, 1)
  const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(db)
  await sql`set enable_seqscan = off`.execute(db)
  const plans = await Promise.all(
    rows.map(({ statement }) => sql.raw(`explain (generic_plan) ${statement}`).execute(db)),
  )
  await db.destroy()
  expect(plans.length).toBe(6)
  for (const plan of plans)
    expect(JSON.stringify(plan.rows)).toMatch(
      /command_(due|leased|open|ended|deadline)|model_version_in_production/,
    )
})

test('a connection that is lost inside a transaction is reported and worth trying again, and the pool lives on', async () => {
  const broken: Error[] = []
  const options = { url: database.url, size: 1, name: 'to be lost' }
  const db = openDatabase({ ...options, onConnectionError: (error) => broken.push(error) })
  const lost = inTransaction(db, (trx) => sql`select pg_sleep(10)`.execute(trx))
  const reason = lost.catch((error: unknown) => error)
  await until(async () => {
    const { rows } = await sql<{ ended: boolean }>`
      select pg_terminate_backend(pid) as ended from pg_stat_activity
      where application_name = 'to be lost' and state = 'active'`.execute(database.db)
    return rows.length > 0
  })
  expect(isUnavailable(await reason)).toBe(true)
  expect(broken).not.toEqual([])
  expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  await db.destroy()
})

test('a server that takes no writes any more is worth trying again, on another connection', async () => {
  const db = openOne()
  await sql`set default_transaction_read_only = on`.execute(db)
  const write = () => db.deleteFrom('session').where('secret_hash', '=', 'none').execute()
  const refused = await write().catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: '25006' })
  expect(isUnavailable(refused)).toBe(true)
  await write()
  await db.destroy()
})

test('a connection or a pool that was closed already is worth trying again', async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const pool = new pg.Pool({ connectionString: database.url })
  await Promise.all([client.end(), pool.end()])
  for (const closed of [client, pool])
    expect(isUnavailable(await closed.query('select 1').catch((error: unknown) => error))).toBe(true)
})

test('a server whose socket is missing is away; that another file is missing says nothing of it', async () => {
  const url = 'postgres://user@/none?host=/nonexistent'
  const db = openDatabase({ url, size: 1, name: 'test', onConnectionError: () => {} })
  const away = await sql`select 1`.execute(db).catch((error: unknown) => error)
  await db.destroy()
  const missing = await readFile('/nonexistent').catch((error: unknown) => error)
  expect([away, missing]).toMatchObject([{ code: 'ENOENT' }, { code: 'ENOENT' }])
  expect([away, missing].map(isUnavailable)).toEqual([true, false])
})

test.each([
  '2026-11-27 15:04:05+00',
  '2026-11-27 15:04:05.1+00',
  '2026-11-27 15:04:05.123+00',
  '2026-11-27 15:04:05.123456+00',
  '1969-12-31 23:59:59.999+00',
  '0001-01-01 00:00:00+00',
  '9999-12-31 23:59:59.999999+00',
  '12026-11-27 15:04:05+00',
  '0044-03-15 12:00:00+00 BC',
  '2026-11-27 15:04:05.123+05:30',
  '2026-11-27 15:04:05-08',
  '1883-11-18 12:00:00+00:53:28',
  'infinity',
  '-infinity',
])('the time %s is read as the driver reads it', (text) => {
  expect(readTime(text)).toEqual(pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ)(text))
})
