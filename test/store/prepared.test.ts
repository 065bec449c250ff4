import type { Kysely } from 'kysely'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { prepared } from '../../src/store/prepared.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

type Model = { name: string; description: string | null; at: Date }

const insert = (db: Kysely<Database>, { name, description, at }: Model) =>
  db
    .insertInto('registered_model')
    .values({ name, description, next_version: 7, created_at: at, updated_at: at })
    .returning(['name', 'description', 'next_version', 'updated_at'])

test('a prepared statement is built once, and has the values of each call where they belong', async () => {
  const build = vi.fn(insert)
  const add = prepared(build)
  const [one, two] = [new Date(1_000), new Date(2_000)]
  const first = await add(database.db, { name: 'a', description: null, at: one })
  const second = await add(database.db, { name: 'b', description: 'b’s', at: two })
  expect(build).toHaveBeenCalledTimes(1)
  expect(first.rows).toEqual([{ name: 'a', description: null, next_version: 7, updated_at: one }])
  expect(second.rows).toEqual([{ name: 'b', description: 'b’s', next_version: 7, updated_at: two }])
  expect(second.numAffectedRows).toBe(1n)
})

test('a plugin sees it with its values, each time', async () => {
  const seen: unknown[] = []
  const watched = database.db.withPlugin({
    transformQuery: ({ node }) => {
      seen.push(JSON.stringify(node))
      return node
    },
    transformResult: async ({ result }) => result,
  })
  const add = prepared(insert)
  const at = new Date()
  await add(database.db, { name: 'c', description: null, at })
  await add(watched, { name: 'd', description: null, at })
  await add(watched, { name: 'e', description: null, at })
  expect(seen).toEqual([expect.stringContaining('"d"'), expect.stringContaining('"e"')])
})
