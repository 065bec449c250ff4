// A model of 100,000 versions among others: every page answers at once, because indexes lead to the few rows it needs.
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  pageTokenAfter,
  readModelSearch,
  readVersionSearch,
  type SearchRequest,
} from '../../src/search/search.ts'
import type { Database } from '../../src/store/database.ts'
import { listLatestVersions, loadModelRecord, loadVersionRecordOf } from '../../src/store/registry-records.ts'
import { searchModels, searchVersions } from '../../src/store/search.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { rewritingText } from '../helpers/mutants.ts'

const versions = 100_000
const otherModels = 2_000
const maxMs = 50
// A page of 100 with the tags, aliases and models of its rows, and what is counted before.
const maxRows = 2_000

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
  await database.db.transaction().execute(fill)
  await sql`vacuum analyze`.execute(database.db)
})
afterAll(() => database.close())

/** The model `big`, whose versions are one second apart, and others of one version each, spread among them. */
async function fill(trx: Kysely<Database>): Promise<void> {
  await sql`
    insert into every_registered_model (name, next_version, created_at, updated_at)
    select case n when 0 then 'big' else 'model-' || n end, 1, at, at
    from generate_series(0, ${otherModels}::integer) n
    cross join lateral (select timestamptz '2026-01-01Z' + n * interval '40.5 s' as at) a`.execute(trx)
  await sql`
    insert into every_model_version (model_id, version, stage, state, lifecycle, machine_version, source, run_id,
      metrics, registered_by, trace_id, created_at, updated_at)
    select m.id, n, 'None', 'validating', '{}', 1, 's3://bucket/' || n, 'run-' || m.id || '-' || n,
      '{}', 'test', 'test', at, at
    from every_registered_model m
    cross join lateral generate_series(1, case m.name when 'big' then ${versions}::integer else 1 end) n
    cross join lateral (
      select case m.name when 'big' then timestamptz '2026-01-01Z' + n * interval '1 s' else m.updated_at end as at
    ) a`.execute(trx)
  await sql`
    insert into model_version_tag
    select model_id, version, 'common', 'yes' from every_model_version
    union all
    select model_id, version, 'part', 'part-' || version from every_model_version where version % 10 = 0
    union all
    select model_id, version, 'some', 'yes' from every_model_version where version % 2000 = 0`.execute(trx)
  await sql`
    insert into registered_model_tag
    select id, 'team', 'team-' || id / 10 from every_registered_model`.execute(trx)
}

/** What a search took at best of some tries, and how many rows it read, whether by an index or from end to end. */
async function measure(run: (db: Kysely<Database>) => Promise<unknown>, tries = 8) {
  return database.db.transaction().execute(async (trx) => {
    const times: number[] = []
    // By default often enough for PostgreSQL to settle for a plan that knows no values.
    for (let tried = 0; tried < tries; tried++) {
      const started = performance.now()
      await run(trx)
      times.push(performance.now() - started)
    }
    const before = await countRowsRead(trx)
    await run(trx)
    return { ms: Math.min(...times), rows: (await countRowsRead(trx)) - before }
  })
}

async function expectQuick(run: (db: Kysely<Database>) => Promise<unknown>, most = maxRows): Promise<void> {
  const { ms, rows } = await measure(run)
  expect(rows).toBeLessThan(most)
  expect(ms).toBeLessThan(maxMs)
}

async function countRowsRead(trx: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select sum(seq_tup_read + idx_tup_fetch)::integer as count from pg_stat_xact_user_tables`.execute(trx)
  return rows[0]?.count ?? Number.NaN
}

function timeOf(version: number): string {
  const at = new Date(Date.parse('2026-01-01T00:00:00Z') + version * 1_000)
  return at.toISOString().replace('Z', '000Z')
}

/** A search for a page that comes after version 20,000 of `big`, with 80,000 before it. */
function deep(request: SearchRequest, position: (string | number)[]): SearchRequest {
  return { ...request, pageToken: pageTokenAfter(readVersionSearch(request), position) }
}

const named = { filter: "name = 'big'", maxResults: 100 }
const common = { filter: "tags.common = 'yes'", maxResults: 100 }
const both = { filter: "name = 'big' AND tags.common = 'yes'", maxResults: 100 }

describe(`among ${versions} versions of one model`, () => {
  test.each<[string, SearchRequest, number]>([
    ['the newest of all', { maxResults: 100 }, 100],
    ['a model', named, 100],
    ['a small model', { filter: "name = 'model-7'" }, 1],
    ['a rare tag', { filter: "tags.part = 'part-7770'" }, 1],
    ['a rare tag of a model', { filter: "name = 'big' AND tags.part = 'part-7770'" }, 1],
    ['a tag that all have', common, 100],
    ['a tag that all have, of a model', both, 100],
    ['a tag that all have, of a small model', { filter: "name = 'model-7' AND tags.common = 'yes'" }, 1],
    ['both tags', { filter: "tags.part = 'part-7770' AND tags.common = 'yes'" }, 1],
    ['a tag that none has', { filter: "tags.part = 'part-x'" }, 0],
    ['a key that none has', { filter: "tags.nope LIKE '%'" }, 0],
    ['a run', { filter: "run_id = 'run-1-777'" }, 1],
    ['runs', { filter: "run_id IN ('run-1-777', 'run-1-778', 'nope')" }, 2],
    ['a number', { filter: 'version_number = 77777' }, 1],
    ['a number of a model', { filter: "name = 'big' AND version_number = 77777" }, 1],
    ['the highest numbers', { ...named, orderBy: ['version_number DESC'] }, 100],
    ['a page deep down', deep({ maxResults: 100 }, [timeOf(20_000), 'big', 20_000]), 100],
    ['a page deep down of a model', deep(named, [timeOf(20_000), 20_000]), 100],
    ['a page deep down of a tag', deep(common, [timeOf(20_000), 'big', 20_000]), 100],
    ['a page deep down of a tag of a model', deep(both, [timeOf(20_000), 20_000]), 100],
  ])('finds %s at once', async (_, request, found) => {
    const search = readVersionSearch(request)
    const { rows } = await searchVersions(database.db, search)
    expect(rows).toHaveLength(found)
    await expectQuick((db) => searchVersions(db, search))
  })

  test.each<[string, SearchRequest, number]>([
    ['the first by name', {}, 100],
    ['one', { filter: "name = 'big'" }, 1],
    ['a tag', { filter: "tags.team = 'team-7'" }, 10],
  ])('finds models at once: %s', async (_, request, found) => {
    const search = readModelSearch(request)
    const { rows } = await searchModels(database.db, search)
    expect(rows).toHaveLength(found)
    await expectQuick((db) => searchModels(db, search))
  })

  // An index on the time of the last change would cost every event; so all models are looked at, and no version.
  test('finds the newest models by looking at all models, and at no version but theirs', async () => {
    const search = readModelSearch({ orderBy: ['timestamp DESC'] })
    const { rows } = await searchModels(database.db, search)
    expect(rows).toHaveLength(100)
    const seen = await measure((db) => searchModels(db, search), 2)
    expect(seen.rows).toBeLessThan(maxRows + otherModels)
  })

  test.each<[string, (db: Kysely<Database>) => Promise<unknown>]>([
    ['a model with its latest versions', (db) => loadModelRecord(db, 'big')],
    ['a version', (db) => loadVersionRecordOf(db, { name: 'big', version: 50_000 })],
    [
      'the latest versions',
      (db) => listLatestVersions(db, 'big', ['None', 'Staging', 'Production', 'Archived']),
    ],
  ])('loads %s at once', async (_, run) => {
    await expectQuick(run, 20)
  })

  test('a tag that all have is found at once also when a rare one was sought often, and only because tags are counted', async () => {
    // Neither fits on a page: what does has a statement of its own.
    const search = (tag: string) => readVersionSearch({ filter: `tags.${tag}`, maxResults: 10 })
    const seek = async (db: Kysely<Database>) => {
      for (let times = 0; times < 8; times++) await searchVersions(db, search("some = 'yes'"))
      await searchVersions(db, search("common = 'yes'"))
    }
    expect((await measure(seek, 2)).rows).toBeLessThan(maxRows)
    const joined = rewritingText((text) => text.replaceAll('offset 0', ''))
    expect((await measure((db) => seek(db.withPlugin(joined)), 2)).rows).toBeGreaterThan(versions)
  })

  test('without its indexes the same search reads the whole table', async () => {
    await expect(
      database.db.transaction().execute(async (trx) => {
        await sql`drop index model_version_of_model_by_update, model_version_by_update`.execute(trx)
        const before = await countRowsRead(trx)
        await searchVersions(trx, readVersionSearch(named))
        expect((await countRowsRead(trx)) - before).toBeGreaterThan(versions)
        throw new Error('undone')
      }),
    ).rejects.toThrow('undone')
  })
})
