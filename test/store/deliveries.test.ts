import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findEarlier, forgetArrived, insertDelivery } from '../../src/store/deliveries.ts'
import type { Queues } from '../../src/workers/queues.ts'
import { startSweeper } from '../../src/workers/sweeper.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { until } from '../helpers/until.ts'

const dayMs = 86_400_000
let database: TestDatabase
beforeEach(async () => {
  database = await openTestDatabase()
})
afterEach(() => database.close())

const named = (id: string) => ({ source: 'registrations', id, bodyHash: 'h' })

async function arrive(id: string, daysAgo: number): Promise<void> {
  const at = new Date(Date.now() - daysAgo * dayMs)
  await database.db.transaction().execute((trx) => insertDelivery(trx, named(id), null, at))
}

const known = async () =>
  (await database.db.selectFrom('delivery').select('id').orderBy('id').execute()).map(({ id }) => id)

describe('a delivery that came', () => {
  test('is known for 30 days and then forgotten, so that its id may come again', async () => {
    await arrive('a', 31)
    await arrive('b', 29)
    await forgetArrived(database.db, 30, 10)
    expect(await known()).toEqual(['b'])
    expect(await findEarlier(database.db, named('b'))).toEqual({ kind: 'replay', registered: null })
    await arrive('a', 0)
    expect(await known()).toEqual(['a', 'b'])
  })

  test('is forgotten in batches, the oldest first, and by several at once', async () => {
    for (let days = 40; days < 50; days++) await arrive(`d${days}`, days)
    await forgetArrived(database.db, 30, 4)
    expect(await known()).toEqual(['d40', 'd41', 'd42', 'd43', 'd44', 'd45'])
    await Promise.all([1, 2, 3].map(() => forgetArrived(database.db, 30, 4)))
    await forgetArrived(database.db, 30, 4)
    expect(await known()).toEqual([])
  })

  test('is forgotten by the sweeper', async () => {
    await arrive('a', 31)
    await arrive('b', 29)
    const queues = { holds: async () => true } as Partial<Queues> as Queues
    const sweeper = startSweeper({ db: database.db, queues, log: pino({ level: 'silent' }) })
    await until(async () => (await known()).length < 2).finally(() => sweeper.stop())
    expect(await known()).toEqual(['b'])
  })
})
