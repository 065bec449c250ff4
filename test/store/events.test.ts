import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { findBrokenLink, recordEvent } from '../../src/store/events.ts'
import { ensureModel } from '../../src/store/models.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor } from '../helpers/lifecycle.ts'
import { rewritingText } from '../helpers/mutants.ts'

const now = new Date()
const rows = 1_100 // more than are read at once
let opened: TestDatabase
let db: Kysely<Database>

beforeEach(async () => {
  opened = await openTestDatabase()
  db = opened.db
})
afterEach(() => opened.close())

/** Adds that many rows to the history of `m`. */
function record(count: number): Promise<number> {
  return inTransaction(db, async (trx) => {
    const model = await ensureModel(trx, 'm', now)
    for (let n = 0; n < count; n++)
      await recordEvent(trx, model, { version: 1, type: 'moved', from: null, to: null }, actor('ci'), now)
    return model.id
  })
}

test.each([1, 1_000, 1_001, rows])(
  'in a long history row %i is missed, or seen to be changed',
  async (seq) => {
    const model = await record(rows)
    expect(await findBrokenLink(db, model)).toBeNull()
    await sql`alter table event disable trigger user`.execute(db)
    await db.updateTable('event').set({ actor: 'mallory' }).where('seq', '=', seq).execute()
    expect(await findBrokenLink(db, model)).toBe(seq)
    await db.deleteFrom('event').where('seq', '=', seq).execute()
    expect(await findBrokenLink(db, model)).toBe(seq)
  },
)

/** Checks a history twenty times while rows come to it. Resolves to how often it was found broken. */
async function checkWhileRecording(checked: Kysely<Database>): Promise<number> {
  const model = await record(rows)
  let isChecking = true
  const recording = (async () => {
    while (isChecking) await record(1)
  })()
  let broken = 0
  for (let n = 0; n < 20; n++) if ((await findBrokenLink(checked, model)) !== null) broken++
  isChecking = false
  await recording
  return broken
}

test('a history that grows while it is checked is whole', async () => {
  expect(await checkWhileRecording(db)).toBe(0)
})

test('it is not, on a build that reads each batch at a time of its own', async () => {
  const broken = db.withPlugin(rewritingText((text) => text.replace('repeatable read', 'read committed')))
  expect(await checkWhileRecording(broken)).toBeGreaterThan(0)
})
