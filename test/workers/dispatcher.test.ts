import { randomUUID } from 'node:crypto'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { appendCommands } from '../../src/store/commands.ts'
import { startDispatcher } from '../../src/workers/dispatcher.ts'
import type { Queues } from '../../src/workers/queues.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { until } from '../helpers/until.ts'

test('a queue that takes nothing is told of ever more rarely, also while another takes all', async () => {
  const { db, url, close } = await openTestDatabase()
  onTestFinished(close)
  const append = (kind: 'readDataset' | 'runCheck') => {
    const payload = { runId: 'r', validationId: 'v', position: 0 }
    const command = { id: randomUUID(), kind, payload, model: 'm', version: 1, traceId: 't' }
    return db.transaction().execute((trx) => appendCommands(trx, [command]))
  }
  let refused = 0
  const add: Queues['add'] = async (queue) => {
    if (queue !== 'checks') return
    refused += 1
    await append('readDataset')
    throw new Error('away')
  }
  const told: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void told.push(line) })
  const queues = { add } as Partial<Queues> as Queues
  await append('runCheck')
  const dispatcher = startDispatcher({ db, databaseUrl: url, queues, log })
  await until(() => refused >= 8).finally(() => dispatcher.stop())
  expect(told.length).toBeLessThanOrEqual(4)
})
