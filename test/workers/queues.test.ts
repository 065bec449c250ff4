import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { within } from '../../src/within.ts'
import { openQueues, type Queues } from '../../src/workers/queues.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { type Line, openLine } from '../helpers/line.ts'
import { until } from '../helpers/until.ts'

// Less than the test's own time, more than any statement may take.
const patienceMs = 14_000

const job = (number: number) => ({ commandId: `c${number}`, attempt: 1, model: 'm', version: 1 })
const addTo = (queues: Queues, number: number) =>
  queues.add('checks', [{ kind: 'runCheck', data: job(number) }])

describe('queues on a PostgreSQL whose host has gone silent', () => {
  let database: TestDatabase
  let line: Line
  let queues: Queues
  beforeEach(async () => {
    database = await openTestDatabase()
    line = await openLine(database.url)
  })
  afterEach(async () => {
    await line.close()
    await queues.close()
    await database.close()
  })

  const open = async (parameters = '') => {
    queues = await openQueues({ redisUrl: null, databaseUrl: line.url + parameters, onError: () => {} })
    await Promise.all([add(1), queues.ping()])
    line.silence()
  }
  const add = (number: number) => addTo(queues, number)

  it('fail within seconds to take a job, and take it at the next try (Q2)', async () => {
    await open()
    await expect(add(2)).rejects.toThrow('Query read timeout')
    await add(2)
    expect(await queues.holds('checks', job(2))).toBe(true)
  })

  it('do not answer a ping, and answer the next one', async () => {
    await open()
    await expect(queues.ping()).rejects.toThrow('Query read timeout')
    await queues.ping()
  })

  it('leave a job waiting on a build that waits for an answer for an hour', async () => {
    await open('?query_timeout=3600000')
    const adding = add(2).catch(() => {})
    expect(await within(patienceMs, adding)).toBe('late')
  })
})

describe('a consumer on a PostgreSQL that goes away while it starts', () => {
  it('takes its jobs once it is back', async ({ onTestFinished }) => {
    const database = await openTestDatabase()
    const line = await openLine(database.url)
    const errors: string[] = []
    const queues = await openQueues({
      redisUrl: null,
      databaseUrl: line.url,
      onError: ({ message }) => errors.push(message),
    })
    onTestFinished(async () => {
      await line.close()
      await queues.close()
      await database.close()
    })
    line.cut()
    const done: string[] = []
    const consumer = queues.consume('checks', 1, async ({ commandId }) => {
      done.push(commandId)
      return 'done'
    })
    await until(() => errors.length > 0)
    line.mend()
    await until(() =>
      addTo(queues, 1).then(
        () => true,
        () => false,
      ),
    )
    await until(() => done.includes('c1'))
    await consumer.drain()
  })
})
