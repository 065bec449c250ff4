import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { OperatorError } from '../../src/errors.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations/index.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'

let test: TestDatabase
beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

describe('migrating', () => {
  it('applies nothing to a database that is up to date', async () => {
    expect(await migrate(test.db)).toEqual([])
  })

  it('brings an empty database up to date once, also when several processes start at the same time', async () => {
    const name = `empty_${randomUUID().replaceAll('-', '')}`
    await onServer(`create database ${name}`)
    const url = new URL(inject('templateUrl'))
    url.pathname = `/${name}`
    const starters = Array.from({ length: 4 }, () =>
      openDatabase({ url: url.href, size: 2, name: 'starter', onConnectionError: () => {} }),
    )
    try {
      const applied = await Promise.all(starters.map((db) => migrate(db)))
      expect(applied.flat()).toEqual(Object.keys(migrations))
    } finally {
      await Promise.all(starters.map((db) => db.destroy()))
      await onServer(`drop database ${name}`)
    }
  })

  it('refuses a database that a newer program has changed, and names what it does not know', async () => {
    await sql`insert into greenroom_migration (name, timestamp) values ('9999-from-the-future', now()::text)`.execute(
      test.db,
    )
    const refused = migrate(test.db)
    await expect(refused).rejects.toThrow(OperatorError)
    await expect(refused).rejects.toThrow(/newer than this program.*9999-from-the-future/)
  })
})

async function onServer(statement: string): Promise<void> {
  const url = new URL(inject('templateUrl'))
  url.pathname = '/postgres'
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  await client.query(statement)
  await client.end()
}
