import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql, type Transaction } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { inTransaction, leaveToCommit, onSharedConnection } from '../../src/store/transaction.ts'
import { openAwayDatabase, openTestDatabase, type TestDatabase } from '../helpers/database.ts'

let database: TestDatabase
let db: Kysely<Database>
beforeEach(async () => {
  database = await openTestDatabase()
  db = openDatabase({ url: database.url, size: 1, name: 'test', onConnectionError: () => {} })
})
afterEach(async () => {
  await db.destroy()
  await database.close()
})

const add = (trx: Transaction<Database>, name: string) =>
  trx
    .insertInto('registered_model')
    .values({ name, created_at: new Date(), updated_at: new Date() })
    .execute()
const names = async () => {
  const rows = await database.db.selectFrom('registered_model').select('name').orderBy('name').execute()
  return rows.map(({ name }) => name)
}
const one = (on: Kysely<Database>) => sql<{ one: number }>`select 1 as one`.execute(on)

describe('a transaction', () => {
  test('commits what was waited for and what was left to the commit, and gives its result', async () => {
    const result = await inTransaction(db, async (trx) => {
      await add(trx, 'a')
      leaveToCommit(trx, add(trx, 'b'), add(trx, 'c'))
      return 'done'
    })
    expect(result).toBe('done')
    expect(await names()).toEqual(['a', 'b', 'c'])
  })

  test('is undone when its work fails, also what was left to the commit', async () => {
    const undone = inTransaction(db, async (trx) => {
      leaveToCommit(trx, add(trx, 'a'))
      throw new RangeError('on second thought')
    })
    await expect(undone).rejects.toThrow(new RangeError('on second thought'))
    expect(await names()).toEqual([])
    expect((await one(db)).rows).toEqual([{ one: 1 }])
  })

  test('is undone when a statement fails that was left to the commit, and says which', async () => {
    const undone = inTransaction(db, async (trx) => {
      leaveToCommit(trx, add(trx, 'a'), add(trx, 'a'), add(trx, 'b'))
    })
    await expect(undone).rejects.toThrow(/registered_model_name/)
    expect(await names()).toEqual([])
    expect((await one(db)).rows).toEqual([{ one: 1 }])
  })

  test('that fails on account of what was left says why that failed', async () => {
    const undone = inTransaction(db, async (trx) => {
      leaveToCommit(trx, add(trx, 'a'), add(trx, 'a'))
      await one(trx)
    })
    await expect(undone).rejects.toThrow(/registered_model_name/)
  })

  test('is undone when a statement that was left to the commit cannot even be sent', async () => {
    const never = async () => {
      await null
      throw new RangeError('no such statement')
    }
    const undone = inTransaction(db, async (trx) => {
      leaveToCommit(trx, add(trx, 'a'), never())
    })
    await expect(undone).rejects.toThrow(new RangeError('no such statement'))
    expect(await names()).toEqual([])
  })

  test('says what failed it, also when it hears first from the statements behind that one', async () => {
    const passOnLater = async (error: unknown) => {
      await sleep(20)
      throw error
    }
    const undone = inTransaction(db, (trx) =>
      Promise.all([sql`select 1 / 0`.execute(trx).catch(passOnLater), one(trx)]),
    )
    await expect(undone).rejects.toThrow(/division by zero/)
  })

  test('does not pass for committed when its work overlooks a statement that failed', async () => {
    const undone = inTransaction(db, async (trx) => {
      await add(trx, 'a')
      await add(trx, 'a').catch(() => {})
    })
    await expect(undone).rejects.toThrow(/rolled back instead/)
    expect(await names()).toEqual([])
  })

  test('takes nothing more once it has ended', async () => {
    let late: Transaction<Database> | undefined
    await inTransaction(db, async (trx) => {
      late = trx
    })
    const trx = late as Transaction<Database>
    await expect(one(trx)).rejects.toThrow(/given back/)
    expect(() => leaveToCommit(trx, Promise.resolve())).toThrow(/under way/)
  })

  test('is not opened inside another one', async () => {
    const nested = inTransaction(db, (trx) => inTransaction(trx, async () => {}))
    await expect(nested).rejects.toThrow(/inside another/)
  })

  test('whose connection is lost fails, and the next one has another connection', async () => {
    const lost = inTransaction(db, async (trx) => {
      await add(trx, 'a')
      leaveToCommit(trx, sql`select pg_terminate_backend(pg_backend_pid())`.execute(trx), add(trx, 'b'))
    })
    await expect(lost).rejects.toThrow(/terminat/)
    await inTransaction(db, (trx) => add(trx, 'c'))
    expect(await names()).toEqual(['c'])
  })
})

describe('over a slow line', () => {
  let line: Awaited<ReturnType<typeof openSlowLine>>
  let slow: Kysely<Database>
  beforeEach(async () => {
    line = await openSlowLine(new URL(database.url))
    slow = openDatabase({ url: line.url, size: 1, name: 'test', onConnectionError: () => {} })
    await one(slow)
  })
  afterEach(async () => {
    await slow.destroy()
    await line.close()
  })

  /** How often it waited for an answer. */
  async function roundTrips(work: () => Promise<unknown>): Promise<number> {
    const before = line.roundTrips()
    await work()
    return line.roundTrips() - before
  }
  const addThree = (trx: Transaction<Database>) => ['a', 'b', 'c'].map((name) => add(trx, name))

  test('what is left to the commit goes out with it, and begin with the first statement', async () => {
    const trips = await roundTrips(() =>
      inTransaction(slow, async (trx) => {
        await one(trx)
        leaveToCommit(trx, ...addThree(trx))
      }),
    )
    expect(trips).toBe(2)
    expect(await names()).toEqual(['a', 'b', 'c'])
  })

  test('where statements wait for each other it takes a round trip for each', async () => {
    const trips = await roundTrips(() =>
      slow.transaction().execute(async (trx) => {
        await one(trx)
        await Promise.all(addThree(trx))
      }),
    )
    expect(trips).toBe(6)
  })

  test('what is read on a shared connection is asked for in one go', async () => {
    const trips = await roundTrips(() =>
      Promise.all([1, 2, 3, 4, 5].map(() => onSharedConnection(slow, one))),
    )
    expect(trips).toBe(1)
  })

  test('what is read on connections of its own waits for one', async () => {
    const trips = await roundTrips(() => Promise.all([1, 2, 3, 4, 5].map(() => one(slow))))
    expect(trips).toBe(5)
  })
})

describe('a shared connection', () => {
  test('is given back when nobody reads any more, and lent anew', async () => {
    for (let time = 0; time < 2; time++) {
      const reads = await Promise.all([1, 2, 3].map(() => onSharedConnection(db, one)))
      expect(reads.flatMap(({ rows }) => rows)).toEqual([{ one: 1 }, { one: 1 }, { one: 1 }])
      // The pool has one connection.
      await inTransaction(db, one)
    }
  })

  test('a read that fails is told to its reader only', async () => {
    const broken = onSharedConnection(db, (on) => sql`select 1 / 0`.execute(on))
    const whole = onSharedConnection(db, one)
    await expect(broken).rejects.toThrow(/division by zero/)
    expect((await whole).rows).toEqual([{ one: 1 }])
  })

  test('that is lost fails its readers, and the next has another', async () => {
    const kill = sql`select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)`
    const lost = [onSharedConnection(db, (on) => kill.execute(on)), onSharedConnection(db, one)]
    const ends = await Promise.allSettled(lost)
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect((await onSharedConnection(db, one)).rows).toEqual([{ one: 1 }])
  })

  test('to a database that is away cannot be had, at the first and at the second try', async () => {
    const away = openAwayDatabase()
    for (let time = 0; time < 2; time++)
      await expect(onSharedConnection(away, one)).rejects.toThrow(/ECONNREFUSED/)
    await away.destroy()
  })
})

/**
 * A line to a server on which whatever it answers comes late enough for all that is asked at once to be asked before. It
 * counts how often something is asked after an answer.
 */
async function openSlowLine(to: URL) {
  const delayMs = 50
  const sockets = new Set<Socket>()
  let answered = true
  let roundTrips = 0
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname)
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
    near.pipe(far)
    near.on('data', () => {
      if (answered) roundTrips++
      answered = false
    })
    far.on('data', (bytes) =>
      setTimeout(() => {
        near.write(bytes)
        answered = true
      }, delayMs),
    )
    far.on('end', () => setTimeout(() => near.end(), delayMs))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(to)
  url.port = `${(server.address() as AddressInfo).port}`
  return {
    roundTrips: () => roundTrips,
    url: url.href,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
