// What PostgreSQL does with a database that is so young that it was never analyzed: a program prepares its statements
// then, and keeps their plans.
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await openTestDatabase()
})
afterEach(() => database.close())

async function fill(db: Kysely<Database>, versions: number): Promise<void> {
  await sql`
    insert into every_registered_model (name, next_version, created_at, updated_at)
    select 'm' || n, 1, now(), now() from generate_series(1, 50) n`.execute(db)
  await sql`
    insert into every_model_version (model_id, version, stage, state, lifecycle, machine_version, source, metrics,
      registered_by, trace_id, created_at, updated_at)
    select m.id, n, 'None', 'idle', '{}', 1, 's3://bucket/' || n, '{}', 'test', 'test', now(), now()
    from every_registered_model m cross join generate_series(1, ${versions}::integer / 50) n`.execute(db)
}

/** The conditions by which an index leads to one version, with a plan that knows no values. */
async function indexCondition(db: Kysely<Database>): Promise<string> {
  const { rows } = await sql<{ 'QUERY PLAN': string }>`
    explain (generic_plan) update model_version set state = $1 where model_id = $2 and version = $3`.execute(
    db,
  )
  return rows.map((row) => row['QUERY PLAN']).find((line) => line.includes('Index Cond')) ?? ''
}

describe('before a database was ever analyzed', () => {
  test.each([0, 50, 500, 2_000])('one of %i versions is found by its whole key', async (versions) => {
    await fill(database.db, versions)
    const condition = await indexCondition(database.db)
    expect(condition).toContain('model_id = $2')
    expect(condition).toContain('version = $3')
  })

  test('it is not where an index leaves out what is deleted', async () => {
    await sql`
      drop index model_version_by_run;
      create index model_version_by_run on every_model_version (run_id) where deleted_at is null`.execute(
      database.db,
    )
    await fill(database.db, 500)
    expect(await indexCondition(database.db)).toBe('')
  })
})
