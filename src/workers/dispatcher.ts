// Carries due commands from the ledger to the queues.
//
// Invariants:
//   P1. It only ever takes what the ledger says is due; whether a queue took it is never relied on.
//   P2. It wakes on a commit (NOTIFY), when the next command falls due, and every second in any case.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import pg from 'pg'
import type { Logger } from 'pino'
import { returnUndispatched } from '../store/abandoned-commands.ts'
import { type Dispatched, type QueueName, takeDue, untilNextDue, wakeChannel } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { type Background, type Failures, sparingly, startLoop } from './background.ts'
import type { Queues } from './queues.ts'

/** How long a queue may hold a command before the sweeper looks after it. */
export const queueLeaseMs = 5_000
const batchSize = 500
const pollMs = 1_000
// Long enough not to spin while the queue's backend is away, short enough to be prompt when it is back.
const refusedDelayMs = 500
// What is due may be locked by another transaction for a moment.
const leastWaitMs = 20

/** Starts dispatching. `databaseUrl` is for the connection of its own that listens. */
export function startDispatcher(deps: {
  db: Kysely<Database>
  databaseUrl: string
  queues: Queues
  log: Logger
}): Background {
  const { db, queues, log } = deps
  const refusals = sparingly((error) => log.warn({ err: error }, 'the queue took nothing; trying again'))
  const turn = async (): Promise<number> => {
    switch (await dispatchDue(db, queues, refusals)) {
      case 'more':
        return 0
      case 'refused':
        // Not to be woken from: every commit would try the backend that is away.
        await sleep(refusedDelayMs)
        return 0
      case 'all':
        return Math.min(pollMs, Math.max(leastWaitMs, (await untilNextDue(db)) ?? pollMs)) // P2
    }
  }
  const loop = startLoop(turn, (error) => log.warn({ err: error }, 'dispatch failed; trying again'))
  const listener = listen(deps.databaseUrl, loop.wake, log)
  return {
    stop: async () => {
      await loop.stop()
      await listener.stop()
    },
  }
}

/** Takes one batch of due commands and hands it over; `more` when the batch was full. */
async function dispatchDue(
  db: Kysely<Database>,
  queues: Queues,
  refusals: Failures,
): Promise<'all' | 'more' | 'refused'> {
  const due = await takeDue(db, batchSize, queueLeaseMs)
  let refused = 0
  for (const [queue, commands] of Map.groupBy(due, (command) => command.queue as QueueName)) {
    try {
      await queues.add(queue, commands.map(jobOf))
    } catch (error) {
      refusals.add(error)
      await returnUndispatched(db, commands)
      refused += commands.length
    }
  }
  if (refused > 0) return 'refused'
  if (due.length > 0) refusals.end()
  return due.length === batchSize ? 'more' : 'all'
}

function jobOf(command: Dispatched) {
  const { id, attempt, model, version } = command
  return { kind: command.kind, data: { commandId: id, attempt, model, version } }
}

/** Keeps a connection that listens for appended commands, and makes a new one when it breaks. */
function listen(url: string, onWake: () => void, log: Logger): Background {
  let stopped = false
  let client: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined
  const losses = sparingly((error) =>
    log.warn({ err: error }, 'the wake-up connection broke; polling until it is back'),
  )

  const connect = async (): Promise<void> => {
    const next = new pg.Client({
      connectionString: url,
      application_name: 'greenroom dispatcher',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    })
    let lost = false
    const again = (error?: Error) => {
      if (stopped || lost) return
      lost = true
      if (error !== undefined) losses.add(error)
      next.end().catch(() => {})
      retry = setTimeout(connect, pollMs)
    }
    next.on('error', again)
    next.on('end', () => again())
    next.on('notification', onWake)
    try {
      await next.connect()
      await next.query(`listen ${wakeChannel}`)
      client = next
      losses.end()
      if (stopped) await next.end()
      else onWake()
    } catch (error) {
      again(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const first = connect()
  return {
    stop: async () => {
      stopped = true
      clearTimeout(retry)
      await first
      await client?.end().catch(() => {})
    },
  }
}
