import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  appendCommands,
  type ClaimedCommand,
  claimCommand,
  finishCommand,
  type NewCommand,
  takeDue,
} from '../../src/store/commands.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import type { Background } from '../../src/workers/background.ts'
import { startDispatcher } from '../../src/workers/dispatcher.ts'
import { startSweeper } from '../../src/workers/sweeper.ts'
import { type CommandRunner, startWorkers } from '../../src/workers/workers.ts'
import { backends, openTestQueues } from '../helpers/backends.ts'
import { openAwayDatabase, openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { openLine } from '../helpers/line.ts'
import { withoutFence } from '../helpers/mutants.ts'
import { until } from '../helpers/until.ts'

// Far more than an outage here and the recovery from it take.
const outageMs = 60_000
const log = pino({ level: 'silent' })
const command = (text = 'hello'): NewCommand => ({
  id: randomUUID(),
  kind: 'replyPrivately',
  payload: { channel: 'C1', user: 'U1', text },
  model: 'm',
  version: 1,
  traceId: 't',
})

let test: TestDatabase
beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

const append = (commands: NewCommand[]) =>
  test.db.transaction().execute((trx) => appendCommands(trx, commands))

async function statuses(): Promise<Record<string, number>> {
  const rows = await test.db.selectFrom('command').select('status').execute()
  const byStatus = Map.groupBy(rows, (row) => row.status)
  return Object.fromEntries([...byStatus].map(([status, of]) => [status, of.length]))
}

/** How often the only command was tried, and how often that counted. */
function counted(): Promise<{ attempt: number; failures: number }> {
  return test.db.selectFrom('command').select(['attempt', 'failures']).executeTakeFirstOrThrow()
}

/** Ends a command as done, as a processor does. */
const finish: CommandRunner = async (claimed) => {
  await test.db.transaction().execute((trx) => finishCommand(trx, claimed))
  return { kind: 'done', note: 'done' }
}

for (const backend of backends()) {
  describe.skipIf(backend.missing !== null)(`commands carried by ${backend.name}`, () => {
    let open: Awaited<ReturnType<typeof openTestQueues>>
    const running: Background[] = []
    beforeEach(async () => {
      open = await openTestQueues(backend, test.url)
    })
    afterEach(async () => {
      for (const part of running.splice(0).reverse()) await part.stop()
      await open.close()
    })

    function startAll(run: CommandRunner = finish): void {
      startWork(run)
      running.push(startSweeper({ db: test.db, queues: open.queues, log }))
      running.push(startDispatcher({ db: test.db, databaseUrl: test.url, queues: open.queues, log }))
    }
    function startWork(run: CommandRunner, shutdownMs = 5_000, db = test.db): Background {
      const concurrency = { checks: 2, notifications: 8, deliveries: 1 }
      const giveUp = async () => false
      const now = () => new Date()
      const worker = startWorkers({
        db,
        queues: open.queues,
        log,
        run,
        giveUp,
        now,
        concurrency,
        shutdownMs,
      })
      running.push(worker)
      return worker
    }

    it('are each run once, as soon as they are committed', async () => {
      const seen = new Map<string, number>()
      startAll(async (claimed, signal) => {
        seen.set(claimed.id, (seen.get(claimed.id) ?? 0) + 1)
        return finish(claimed, signal)
      })
      const commands = Array.from({ length: 200 }, () => command())
      await append(commands)
      await until(async () => (await statuses()).done === 200)
      expect(commands.map(({ id }) => seen.get(id))).toEqual(commands.map(() => 1))
    })

    it('wait until they are due', async () => {
      startAll()
      await append([{ ...command(), runAt: new Date(Date.now() + 1_500) }])
      await sleep(800)
      expect(await statuses()).toEqual({ pending: 1 })
      await until(async () => (await statuses()).done === 1)
    })

    it('are tried again after a technical failure, and given up on when they are a week old (W3)', async () => {
      let runs = 0
      startAll(async () => {
        runs++
        if (runs === 3) await sql`update command set created_at = now() - interval '8 days'`.execute(test.db)
        return { kind: 'retry', why: 'the other side is away', afterMs: 1 }
      })
      await append([command()])
      await until(async () => (await statuses()).dead === 1)
      const row = await test.db
        .selectFrom('command')
        .select(['last_error', 'failures'])
        .executeTakeFirstOrThrow()
      expect(row.last_error).toMatch(/the other side is away|its workers died/)
      expect(runs).toBe(3)
    })

    it('that say “later” are run again then, however often, and it is no failure', async () => {
      let runs = 0
      startAll((claimed, signal) => {
        runs++
        return runs < 4
          ? Promise.resolve({ kind: 'later', why: 'too early', afterMs: 1 })
          : finish(claimed, signal)
      })
      await append([command()])
      await until(async () => (await statuses()).done === 1)
      expect(await counted()).toEqual({ attempt: 4, failures: 0 })
    })

    it('are put off, and nothing is counted, when the database fails them (W5)', async () => {
      expect(await failTwice((error) => error)).toEqual({ attempt: 3, failures: 0 })
    })

    it('are counted as failed when it does not show that it was the database', async () => {
      expect(await failTwice(String)).toEqual({ attempt: 3, failures: 2 })
    })

    /** Has a database that is away fail a command twice, as `shown`. */
    async function failTwice(shown: (error: unknown) => unknown) {
      const away = openAwayDatabase()
      let runs = 0
      startAll(async (claimed, signal) => {
        if (++runs < 3) await sql`select 1`.execute(away).catch((error) => Promise.reject(shown(error)))
        return finish(claimed, signal)
      })
      await append([command()])
      await until(async () => (await statuses()).done === 1)
      await away.destroy()
      return counted()
    }

    it('stop being waited for by a worker that is told to stop, also when they do not listen (W4)', async () => {
      const started = Promise.withResolvers<void>()
      const worker = startWork(async () => {
        started.resolve()
        await sleep(8_000)
        return { kind: 'later', why: 'never said', afterMs: 0 }
      }, 300)
      running.push(startDispatcher({ db: test.db, databaseUrl: test.url, queues: open.queues, log }))
      await append([command()])
      await started.promise
      const before = Date.now()
      await running.pop()?.stop()
      await worker.stop()
      expect(Date.now() - before).toBeLessThan(4_000)
      await sleep(8_000) // the job is still there; what it does at its end must find no closed pool
    })

    it('are taken up again when their worker dies in the middle (L4)', async () => {
      const [dead] = await claimAsAWorkerThatDies(command())
      expect(dead?.attempt).toBe(1)
      startAll()
      await until(async () => (await statuses()).done === 1)
      expect(await counted()).toEqual({ attempt: 2, failures: 1 })
    })

    it('are run in the end when they were dispatched to a queue that lost them (L2, L5)', async () => {
      await append([command(), command()])
      expect(await takeDue(test.db, 10, 1)).toHaveLength(2) // taken, and never handed over
      startAll()
      await until(async () => (await statuses()).done === 2)
    })

    it('are not run by a worker that comes late (V9)', async () => {
      const [late] = await claimAsAWorkerThatDies(command())
      if (late === undefined) throw new Error('nothing was claimed')
      startAll()
      await until(async () => (await statuses()).done === 1)
      await expect(test.db.transaction().execute((trx) => finishCommand(trx, late))).rejects.toThrow(
        /overtaken/,
      )
    })

    it('are given back when the worker is told to stop before they end (W4)', async () => {
      const started = Promise.withResolvers<void>()
      const worker = startWork(async (_, signal) => {
        started.resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        throw new Error('unreachable')
      }, 300)
      running.push(startDispatcher({ db: test.db, databaseUrl: test.url, queues: open.queues, log }))
      await append([command()])
      await started.promise
      const before = Date.now()
      await running.pop()?.stop() // the dispatcher
      await worker.stop()
      expect(Date.now() - before).toBeLessThan(3_000)
      expect(await statuses()).toEqual({ pending: 1 })
    })

    if (backend.name === 'PostgreSQL')
      describe('when the database is away from their worker for longer than a lease', () => {
        it('are not taken for deadly, for it was away from the sweeper too (W5)', {
          timeout: outageMs,
        }, async () => {
          expect(await cutOffWorker((cutOff) => cutOff)).toMatchObject({ failures: 0 })
        })

        it('are taken for deadly by a sweeper that was not cut off', { timeout: outageMs }, async () => {
          expect(await cutOffWorker(() => test.db)).toMatchObject({ failures: 1 })
        })
      })

    async function cutOffWorker(sweeperDb: (cutOff: Kysely<Database>) => Kysely<Database>) {
      const line = await openLine(test.url)
      const db = openDatabase({ url: line.url, size: 4, name: 'cut off', onConnectionError: () => {} })
      let isFirst = true
      const run: CommandRunner = async (claimed, signal) => {
        if (isFirst) {
          line.cut()
          setTimeout(line.mend, 10_000)
        }
        isFirst = false
        await sql`select 1`.execute(db)
        return finish(claimed, signal)
      }
      startWork(run, 5_000, db)
      running.push(startSweeper({ db: sweeperDb(db), queues: open.queues, log }))
      running.push(startDispatcher({ db: test.db, databaseUrl: test.url, queues: open.queues, log }))
      await append([command()])
      await until(async () => (await statuses()).done === 1, outageMs / 2)
      for (const part of running.splice(0).reverse()) await part.stop()
      await db.destroy()
      await line.close()
      return counted()
    }

    if (backend.name === 'Redis') {
      it('survive FLUSHALL, ten times in the middle of 300 (L2)', async () => {
        startAll(async (claimed, signal) => {
          await sleep(20)
          return finish(claimed, signal)
        })
        await append(Array.from({ length: 300 }, () => command()))
        for (let flush = 0; flush < 10; flush++) {
          await sleep(60)
          await open.redis?.flushAll()
        }
        await until(async () => (await statuses()).done === 300)
      })

      it('are run within seconds after a Redis outage, and appending never waits for it (L3)', async ({
        skip,
      }) => {
        const outage = open.redis?.outage
        if (outage == null)
          return skip('this Redis is not ours to stop; install redis-server for a run of this test')
        startAll()
        await outage.stop()
        const before = Date.now()
        await append(Array.from({ length: 20 }, () => command()))
        expect(Date.now() - before).toBeLessThan(1_000)
        await sleep(2_000)
        expect((await statuses()).done).toBeUndefined()
        await outage.start()
        await until(async () => (await statuses()).done === 20)
      })
    }
  })
}

describe('the fence (V9)', () => {
  it('keeps a late attempt from ending a command that a newer attempt holds', async () => {
    const { late, newer } = await overtake()
    await expect(test.db.transaction().execute((trx) => finishCommand(trx, late))).rejects.toThrow(
      /overtaken/,
    )
    await test.db.transaction().execute((trx) => finishCommand(trx, newer))
  })

  it('does not on a build that ignores the attempt', async () => {
    const { late } = await overtake()
    await test.db
      .withPlugin(withoutFence)
      .transaction()
      .execute((trx) => finishCommand(trx, late))
    expect(await statuses()).toEqual({ done: 1 })
  })

  async function overtake(): Promise<{ late: ClaimedCommand; newer: ClaimedCommand }> {
    const [late] = await claimAsAWorkerThatDies(command())
    await sql`update command set status = 'pending'`.execute(test.db)
    const [taken] = await takeDue(test.db, 1, 60_000)
    const newer = taken === undefined ? undefined : await claimCommand(test.db, taken, 60_000)
    if (late === undefined || newer === undefined) throw new Error('nothing was claimed')
    return { late, newer }
  }
})

/** Appends and claims a command with a lease that is over at once, and never comes back to it. */
async function claimAsAWorkerThatDies(appended: NewCommand): Promise<ClaimedCommand[]> {
  await append([appended])
  const taken = await takeDue(test.db, 10, 60_000)
  const claimed = await Promise.all(taken.map((one) => claimCommand(test.db, one, 1)))
  return claimed.filter((one) => one !== undefined)
}
