import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import {
  forgetEnded,
  listOverdueQueued,
  prolongQueued,
  reclaimAbandoned,
  returnUndispatched,
} from '../store/abandoned-commands.ts'
import type { Dispatched, QueueName } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { forgetDeliveries } from '../store/webhook-deliveries.ts'
import { type Background, startLoop } from './background.ts'
import { queueLeaseMs } from './dispatcher.ts'
import type { Queues } from './queues.ts'

const everyMs = 1_000
const batchSize = 500
// Long enough to look back at what went wrong.
const keptDays = 30

/**
 * Starts putting back what nobody holds any more: running commands whose lease is over, and queued ones
 * that the queue has lost. What still waits in a queue is left there: a long queue is not a loss.
 */
export function startSweeper(deps: { db: Kysely<Database>; queues: Queues; log: Logger }): Background {
  const { db, queues, log } = deps
  const turn = async (): Promise<number> => {
    await sweep(db, queues, log)
    return everyMs
  }
  return startLoop(turn, (error) => log.warn({ err: error }, 'sweep failed; trying again'))
}

/** One look over the ledger. */
async function sweep(db: Kysely<Database>, queues: Queues, log: Logger): Promise<void> {
  const reclaimed = await reclaimAbandoned(db, batchSize)
  if (reclaimed > 0) log.warn({ commands: reclaimed }, 'took commands back from workers that are gone')
  await forgetEnded(db, keptDays, batchSize)
  await forgetDeliveries(db, keptDays, batchSize)
  const overdue = await listOverdueQueued(db, batchSize)
  if (overdue.length === 0) return
  const held = await Promise.all(
    overdue.map((command) => queues.holds(command.queue as QueueName, asJob(command))),
  )
  const lost = overdue.filter((_, index) => held[index] === false)
  await prolongQueued(
    db,
    overdue.filter((_, index) => held[index] === true),
    queueLeaseMs,
  )
  await returnUndispatched(db, lost)
  if (lost.length > 0) log.warn({ commands: lost.length }, 'took commands back that the queue had lost')
}

function asJob(command: Dispatched) {
  return { commandId: command.id, attempt: command.attempt }
}
