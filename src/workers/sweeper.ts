import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import {
  forgetEnded,
  listOverdueQueued,
  prolongQueued,
  reclaimAbandoned,
  returnUndispatched,
} from '../store/abandoned-commands.ts'
import { type Dispatched, type QueueName, untilNextDue } from '../store/commands.ts'
import { type Database, isUnavailable } from '../store/database.ts'
import { forgetArrived } from '../store/deliveries.ts'
import { forgetDeliveries } from '../store/webhook-deliveries.ts'
import { type Background, startLoop } from './background.ts'
import { queueLeaseMs } from './dispatcher.ts'
import type { Queues } from './queues.ts'
import { heartbeatMs } from './workers.ts'

const everyMs = 1_000
const graceMs = 1.5 * heartbeatMs
const batchSize = 500
// Long enough to look back at what went wrong, and to know a copy that comes late.
const keptDays = 30

/**
 * Starts putting back what nobody holds any more: running commands whose lease is over, and queued ones
 * that the queue has lost. What still waits in a queue is left there: a long queue is not a loss. When the database
 * was away, workers that live get the time to prolong their leases first: they have not died of their commands.
 */
export function startSweeper(deps: { db: Kysely<Database>; queues: Queues; log: Logger }): Background {
  const { db, queues, log } = deps
  let wasAway = false
  const turn = async (): Promise<number> => {
    if (wasAway) {
      await untilNextDue(db) // throws as long as it is away
      wasAway = false
      return graceMs
    }
    try {
      await sweep(db, queues, log)
    } catch (error) {
      wasAway = isUnavailable(error)
      throw error
    }
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
  await forgetArrived(db, keptDays, batchSize)
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
