import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NotFoundError } from '../../src/errors.ts'
import { readModelSearch, readVersionSearch } from '../../src/search/search.ts'
import { listLatestVersions, loadModelRecord, loadVersionRecordOf } from '../../src/store/registry-records.ts'
import { searchModels, searchVersions } from '../../src/store/search.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { epoch, fillRegistry } from '../helpers/registries.ts'

const start = new Date(epoch)
const later = new Date(start.getTime() + 5)

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
  await fillRegistry(database.db, [
    {
      name: 'm',
      description: 'a model',
      tags: { b: '2', a: '' },
      updatedAt: 5_000,
      versions: [
        { version: 1, stage: 'Archived', aliases: ['old'] },
        {
          version: 2,
          stage: 'Production',
          runId: 'r2',
          tags: { z: '1', é: '😀', A: '' },
          aliases: ['b', 'a'],
        },
        { version: 3, stage: 'Production', isDeleted: true },
        { version: 4, stage: 'Archived', updatedAt: 5_000 },
        { version: 5 },
        { version: 6 },
      ],
    },
    { name: 'bare' },
    { name: 'gone', isDeleted: true, versions: [{ version: 1, isDeleted: true }] },
  ])
})
afterAll(() => database.close())

const blank = {
  name: 'm',
  stage: 'None',
  state: 'validating',
  author: null,
  description: null,
  source: 's3://bucket/model',
  run_id: null,
  run_link: null,
  download_uri: null,
  digest: null,
  tags: [],
  aliases: [],
  created_at: start,
  updated_at: start,
}
const second = {
  ...blank,
  version: 2,
  stage: 'Production',
  run_id: 'r2',
  tags: [
    { key: 'A', value: '' },
    { key: 'z', value: '1' },
    { key: 'é', value: '😀' },
  ],
  aliases: ['a', 'b'],
}
const fourth = { ...blank, version: 4, stage: 'Archived', updated_at: later }
const sixth = { ...blank, version: 6 }
const model = {
  name: 'm',
  description: 'a model',
  created_at: start,
  updated_at: later,
  latest_versions: [second, fourth, sixth],
  tags: [
    { key: 'a', value: '' },
    { key: 'b', value: '2' },
  ],
  aliases: [
    { alias: 'a', version: 2 },
    { alias: 'b', version: 2 },
    { alias: 'old', version: 1 },
  ],
}

describe('a version', () => {
  test('is loaded with its tags by key and its aliases by name', async () => {
    expect(await loadVersionRecordOf(database.db, { name: 'm', version: 2 })).toEqual(second)
  })

  test('is found by a search just as it is loaded, aliases and all', async () => {
    const search = readVersionSearch({ filter: "name = 'm' AND version_number = 2" })
    expect(await searchVersions(database.db, search)).toEqual({ rows: [second], nextPageToken: null })
    const everywhere = readVersionSearch({ filter: 'version_number = 2' })
    expect(await searchVersions(database.db, everywhere)).toEqual({ rows: [second], nextPageToken: null })
  })

  test.each([
    { name: 'm', version: 3 },
    { name: 'm', version: 99 },
    { name: 'M', version: 2 },
    { name: 'gone', version: 1 },
  ])('that is deleted or never was is not found: $name/$version', async (ref) => {
    await expect(loadVersionRecordOf(database.db, ref)).rejects.toThrow(
      new NotFoundError(`Model Version (name=${ref.name}, version=${ref.version}) not found`),
    )
  })
})

describe('a model', () => {
  test('is loaded with its newest version of each stage, its tags and aliases', async () => {
    expect(await loadModelRecord(database.db, 'm')).toEqual(model)
  })

  test('is found by a search just as it is loaded', async () => {
    const { rows } = await searchModels(database.db, readModelSearch({ filter: "tags.b = '2'" }))
    expect(rows).toEqual([model])
  })

  test('without anything has empty lists', async () => {
    expect(await loadModelRecord(database.db, 'bare')).toEqual({
      name: 'bare',
      description: null,
      created_at: start,
      updated_at: start,
      latest_versions: [],
      tags: [],
      aliases: [],
    })
  })

  test.each(['gone', 'nobody', 'M'])('that is deleted or never was is not found: %s', async (name) => {
    const refusal = new NotFoundError(`Registered Model with name=${name} not found`)
    await expect(loadModelRecord(database.db, name)).rejects.toThrow(refusal)
    await expect(listLatestVersions(database.db, name, ['None'])).rejects.toThrow(refusal)
  })
})

describe('the latest versions', () => {
  test('are the newest of each stage asked for that has any', async () => {
    expect(await listLatestVersions(database.db, 'm', ['Staging', 'Production', 'None'])).toEqual([
      second,
      sixth,
    ])
  })

  test('come once, however often a stage is named, and none come for no stage', async () => {
    expect(await listLatestVersions(database.db, 'm', ['Archived', 'Archived'])).toEqual([fourth])
    expect(await listLatestVersions(database.db, 'm', [])).toEqual([])
    expect(await listLatestVersions(database.db, 'bare', ['None'])).toEqual([])
  })
})
