import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { until } from './until.ts'

/** A migrated, empty database of a test's own. `close` fails when a connection to it was left open. */
export type TestDatabase = { db: Kysely<Database>; url: string; close(): Promise<void> }

/** Makes a database for one test or one file. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const template = new URL(inject('templateUrl'))
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await admin(template, `create database ${name} template ${template.pathname.slice(1)}`)
  const url = new URL(template)
  url.pathname = `/${name}`
  const db = openDatabase({ url: url.href, size: 10, name: 'test', onConnectionError: () => {} })
  return {
    db,
    url: url.href,
    close: async () => {
      await db.destroy()
      await admin(template, `drop database ${name}`)
    },
  }
}

/** A database that is away; its password must be seen nowhere. To be destroyed. */
export function openAwayDatabase(): Kysely<Database> {
  const url = 'postgres://user:hidden@127.0.0.1:1/none'
  return openDatabase({ url, size: 1, name: 'test', onConnectionError: () => {} })
}

// Copying the template fails while another copy is being made; PostgreSQL says so with 55006.
async function admin(template: URL, statement: string): Promise<void> {
  const url = new URL(template)
  url.pathname = '/postgres'
  for (let attempt = 1; ; attempt++) {
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    try {
      await client.query(statement)
      return
    } catch (error) {
      const busy = (error as { code?: string }).code === '55006'
      if (!busy || attempt === 40) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    } finally {
      await client.end()
    }
  }
}

/** Waits until so many others wait for a lock. */
export function untilWaiting(db: Kysely<Database>, count: number): Promise<void> {
  return until(async () => {
    const { rows } = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    `.execute(db)
    return rows.length === count
  }, 5_000)
}
