import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readModelSearch, readVersionSearch, type SearchRequest } from '../../src/search/search.ts'
import { searchModels, searchVersions } from '../../src/store/search.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { fillRegistry, type PlannedModel } from '../helpers/registries.ts'

const prompt = 'mlflow.prompt.is_prompt'
const long = 'v'.repeat(100_000)

const models: PlannedModel[] = [
  {
    name: 'm1',
    tags: { a: 'x', b: 'y', path: 'a\\b%c_d', 'k k': 'é', long },
    updatedAt: 3_000,
    versions: [
      { version: 1, source: 's3://b/1', runId: 'abc0', tags: { 'k k': 'v1', 'a.b': 'z' }, updatedAt: 1_000 },
      { version: 2, source: 's3://b/2', runId: 'abc1', tags: { 'k k': 'v2', 'a.b': 'z' }, updatedAt: 2_000 },
      { version: 3, source: 's3://B/x', runId: 'ABC', updatedAt: 3_000 },
      { version: 4, updatedAt: 4_000 },
      { version: 5, tags: { 'a.b': 'z' }, isDeleted: true },
      { version: 10, runId: '', updatedAt: 2_000 },
    ],
  },
  {
    name: 'M2',
    tags: { a: 'X%', empty: '' },
    updatedAt: 1_000,
    versions: [{ version: 1, updatedAt: 2_000 }],
  },
  { name: 'm_', updatedAt: 2_000 },
  { name: 'É', updatedAt: 1_000 },
  { name: 'gone', tags: { a: 'x' }, isDeleted: true },
  {
    name: 'asked',
    tags: { [prompt]: 'true' },
    versions: [{ version: 1, tags: { [prompt]: 'true' } }, { version: 2 }],
  },
  { name: 'told', tags: { [prompt]: 'TRUE' }, versions: [{ version: 1, tags: { [prompt]: 'TRUE' } }] },
  { name: 'plain', tags: { [prompt]: 'false' } },
]

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
  await fillRegistry(database.db, models)
})
afterAll(() => database.close())

async function modelsOf(request: SearchRequest): Promise<string[]> {
  const { rows } = await searchModels(database.db, readModelSearch(request))
  return rows.map(({ name }) => name)
}

async function versionsOf(request: SearchRequest): Promise<string[]> {
  const { rows } = await searchVersions(database.db, readVersionSearch(request))
  return rows.map(({ name, version }) => `${name}/${version}`)
}

describe('models', () => {
  test.each([
    ['', ['M2', 'm1', 'm_', 'plain', 'told', 'É']],
    ["name = 'm1'", ['m1']],
    ["name = 'M1'", []],
    ["name != 'm1' AND name != 'M2'", ['m_', 'plain', 'told', 'É']],
    ["name LIKE 'm%'", ['m1', 'm_']],
    ["name LIKE 'm_'", ['m1', 'm_']],
    ["name LIKE 'm\\_'", []],
    ["name LIKE '_'", ['É']],
    ["name ILIKE 'M%'", ['M2', 'm1', 'm_']],
    ["name ILIKE 'é'", ['É']],
    ["name LIKE '%'' OR 1=1--'", []],
    ["tags.a = 'x'", ['m1']],
    ["tags.a != 'x'", ['M2']],
    ["tags.nope != 'x'", []],
    ["tags.nope LIKE '%'", []],
    ["tags.A = 'x'", []],
    ["tags.a LIKE 'X%'", ['M2']],
    ["tags.a ILIKE 'x'", ['m1']],
    ["tags.a LIKE '%' AND tags.a != 'x'", ['M2']],
    ["tags.a = 'x' AND tags.a = 'X%'", []],
    ["tags.a = 'x' AND tags.b = 'y' AND name LIKE 'm%'", ['m1']],
    ["tags.a = 'x' AND tags.b = 'z'", []],
    ["tags.path = 'a\\b%c_d'", ['m1']],
    ["tags.path LIKE 'a\\b%'", ['m1']],
    ["tags.path LIKE 'a\\\\b%'", []],
    ["tags.`k k` ILIKE 'É'", ['m1']],
    ["tags.empty = ''", ['M2']],
    ["tags.empty != 'x'", ['M2']],
    ["tags.long LIKE 'v%v'", ['m1']],
    ["tags.long != 'v'", ['m1']],
    [`tags.long = '${'v'.repeat(9_000)}'`, []],
  ])('%.80s finds %j', async (filter, found) => {
    expect(await modelsOf({ filter })).toEqual(found)
  })

  test.each([
    [`tag.\`${prompt}\` != 'true'`, ['M2', 'm1', 'm_', 'plain', 'told', 'É']],
    [`tags.\`${prompt}\` = 'false'`, ['M2', 'm1', 'm_', 'plain', 'told', 'É']],
    [`tags.\`${prompt}\` = 'true'`, ['asked']],
    [`tags.\`${prompt}\` = 'TRUE'`, ['told']],
    [`tags.\`${prompt}\` != 'false'`, ['asked', 'told']],
    [`tags.a = 'x' AND tag.\`${prompt}\` != 'true'`, ['m1']],
    ["name = 'asked'", []],
  ])('%s finds prompts only when they are asked for: %j', async (filter, found) => {
    expect(await modelsOf({ filter })).toEqual(found)
  })

  test.each([
    [['name DESC'], ['É', 'told', 'plain', 'm_', 'm1', 'M2']],
    [['timestamp'], ['plain', 'told', 'M2', 'É', 'm_', 'm1']],
    [
      ['last_updated_timestamp DESC', 'name DESC'],
      ['m1', 'm_', 'É', 'M2', 'told', 'plain'],
    ],
  ])('are ordered by %j: %j', async (orderBy, found) => {
    expect(await modelsOf({ orderBy })).toEqual(found)
  })
})

describe('versions', () => {
  test.each([
    ['', ['m1/4', 'm1/3', 'M2/1', 'm1/10', 'm1/2', 'm1/1', 'told/1']],
    ["name = 'm1'", ['m1/4', 'm1/3', 'm1/10', 'm1/2', 'm1/1']],
    ["name = 'm1' AND name = 'M2'", []],
    ["name = 'm1' AND name LIKE 'M%'", []],
    ["name = 'gone'", []],
    ["name LIKE 'M%'", ['M2/1']],
    ["name != 'm1'", ['M2/1', 'told/1']],
    ["run_id = 'abc0'", ['m1/1']],
    ["run_id = ''", ['m1/4', 'M2/1', 'm1/10', 'told/1']],
    ["run_id != 'abc0'", ['m1/4', 'm1/3', 'M2/1', 'm1/10', 'm1/2', 'told/1']],
    ["run_id LIKE 'abc%'", ['m1/2', 'm1/1']],
    ["run_id ILIKE 'abc%'", ['m1/3', 'm1/2', 'm1/1']],
    ["run_id IN ('abc0', 'ABC', 'nope')", ['m1/3', 'm1/1']],
    ["run_id NOT IN ('abc0', '')", ['m1/3', 'm1/2']],
    ["name IN ('M2', 'm1', 'nope') AND version_number = 1", ['M2/1', 'm1/1']],
    ["name NOT IN ('m1')", ['M2/1', 'told/1']],
    ["run_id IN ('abc0', '')", ['m1/4', 'M2/1', 'm1/10', 'm1/1', 'told/1']],
    ["source_path = 's3://b/1'", ['m1/1']],
    ["source_path LIKE 's3://b/_'", ['m1/2', 'm1/1']],
    ['version_number = 2', ['m1/2']],
    ["version_number = ' 2 '", ['m1/2']],
    ['version_number != 1', ['m1/4', 'm1/3', 'm1/10', 'm1/2']],
    ['version_number >= 2.5', ['m1/4', 'm1/3', 'm1/10']],
    ['version_number > 2 AND version_number < 10', ['m1/4', 'm1/3']],
    ['version_number = 1e1', ['m1/10']],
    ['version_number = 1e3', []],
    ['version_number < -1', []],
    [`version_number = ${'9'.repeat(400)}`, []],
    [`version_number > ${'9'.repeat(400)}`, []],
    [`version_number != ${'9'.repeat(400)} AND name = 'M2'`, ['M2/1']],
    [`version_number < '${'9'.repeat(400)}' AND name = 'M2'`, ['M2/1']],
    [`version_number > -${'9'.repeat(400)} AND name = 'M2'`, ['M2/1']],
    ["tags.`k k` = 'v1'", ['m1/1']],
    ["tags.a.b = 'z'", ['m1/2', 'm1/1']],
    ["name = 'm1' AND tags.a.b = 'z' AND tags.`k k` != 'v1'", ['m1/2']],
    ["name = 'M2' AND tags.a.b = 'z'", []],
    [`tags.\`${prompt}\` = 'true'`, ['asked/1']],
    [`tags.\`${prompt}\` != 'false'`, ['asked/1', 'told/1']],
    [`name = 'asked' AND tags.\`${prompt}\` = 'true'`, ['asked/1']],
    ["name = 'asked'", []],
  ])('%.80s finds %j', async (filter, found) => {
    expect(await versionsOf({ filter })).toEqual(found)
  })

  test.each([
    [['name'], ['M2/1', 'm1/10', 'm1/4', 'm1/3', 'm1/2', 'm1/1', 'told/1']],
    [['version_number'], ['M2/1', 'm1/1', 'told/1', 'm1/2', 'm1/3', 'm1/4', 'm1/10']],
    [
      ['name DESC', 'version_number ASC'],
      ['told/1', 'm1/1', 'm1/2', 'm1/3', 'm1/4', 'm1/10', 'M2/1'],
    ],
    [['last_updated_timestamp'], ['told/1', 'm1/1', 'M2/1', 'm1/10', 'm1/2', 'm1/3', 'm1/4']],
  ])('are ordered by %j: %j', async (orderBy, found) => {
    expect(await versionsOf({ orderBy })).toEqual(found)
  })

  test('of one name may be ordered by it', async () => {
    expect(await versionsOf({ filter: "name = 'm1'", orderBy: ['name DESC', 'version_number'] })).toEqual([
      'm1/1',
      'm1/2',
      'm1/3',
      'm1/4',
      'm1/10',
    ])
  })
})

describe('pages', () => {
  test('have the size asked for, and only the last one has no token', async () => {
    const first = await searchVersions(database.db, readVersionSearch({ maxResults: 4 }))
    expect(first.rows).toHaveLength(4)
    const pageToken = first.nextPageToken ?? ''
    const second = await searchVersions(database.db, readVersionSearch({ maxResults: 3, pageToken }))
    expect(second.rows).toHaveLength(3)
    expect(second.nextPageToken).toBeNull()
  })

  test('of nothing are the last ones', async () => {
    const search = readModelSearch({ filter: "name = 'nobody'" })
    expect(await searchModels(database.db, search)).toEqual({ rows: [], nextPageToken: null })
  })

  test('end where the rows that were there are gone meanwhile', async () => {
    const last = await searchModels(database.db, readModelSearch({ maxResults: 5 }))
    const pageToken = last.nextPageToken ?? ''
    await database.db.deleteFrom('every_registered_model').where('name', '=', 'É').execute()
    const search = readModelSearch({ maxResults: 5, pageToken })
    expect(await searchModels(database.db, search)).toEqual({ rows: [], nextPageToken: null })
    await fillRegistry(
      database.db,
      models.filter(({ name }) => name === 'É'),
    )
  })

  test('have a token also where what all seemed to be on one page has become more since', async () => {
    const find = (pageToken?: string) =>
      searchVersions(
        database.db,
        readVersionSearch({ filter: "tags.growing = 'yes'", maxResults: 2, ...(pageToken && { pageToken }) }),
      )
    const versions = (...numbers: number[]) =>
      numbers.map((version) => ({ version, tags: { growing: 'yes' }, updatedAt: version * 1_000 }))
    await fillRegistry(database.db, [{ name: 'one', versions: versions(1) }])
    expect((await find()).rows).toHaveLength(1)
    await fillRegistry(database.db, [{ name: 'more', versions: versions(2, 3, 4) }])
    const first = await find()
    expect(first.rows.map(({ version }) => version)).toEqual([4, 3])
    const second = await find(first.nextPageToken ?? '')
    expect(second.rows.map(({ version }) => version)).toEqual([2, 1])
    expect(second.nextPageToken).toBeNull()
    await database.db.deleteFrom('model_version_tag').where('key', '=', 'growing').execute()
  })
})
