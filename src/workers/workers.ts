// The shell around every job: claim, heartbeat, run, and write the end down, fenced by the attempt.
//
// Invariants:
//   W1. A job whose command was claimed, cancelled or overtaken by another attempt does nothing (V9).
//   W2. A running attempt prolongs its lease; one that has lost it is aborted.
//   W3. Retries are counted in the ledger, not by BullMQ; a command that fails too often is given up on and shown.
//   W4. Told to stop, a worker takes no new jobs, lets active ones end within a bound, and gives back the rest.
//   W5. A fault of our own database is none of the command's: it is put off, however often, and not counted (L7).
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import { LostLeaseError } from '../errors.ts'
import {
  type Attempt,
  buryCommand,
  type ClaimedCommand,
  claimCommand,
  giveBack,
  type QueueName,
  renewLease,
  retryCommand,
} from '../store/commands.ts'
import { type Database, isUnavailable } from '../store/database.ts'
import { within } from '../within.ts'
import type { Background } from './background.ts'
import { type Backoff, backoffMs, timesPutOff } from './backoff.ts'
import { type Consumer, type JobData, type Processor, type Queues, queueNames } from './queues.ts'

/** How an attempt ended. For `done` the processor has ended the command in its own transaction. */
export type Ended =
  | { kind: 'done'; note: string }
  | { kind: 'retry'; why: string; afterMs: number | null }
  /** Not yet the time for it; not a failure. */
  | { kind: 'later'; why: string; afterMs: number }
  | { kind: 'dead'; why: string }

/** Does what a command asks. Throwing counts as a technical failure and is retried, but for faults of the database (W5). */
export type CommandRunner = (command: ClaimedCommand, signal: AbortSignal) => Promise<Ended>

/** What the shell needs, and how it is bounded. */
export type WorkerDeps = {
  db: Kysely<Database>
  queues: Queues
  log: Logger
  run: CommandRunner
  /** Tries to end a command that has failed too often in its own way; false leaves it to be buried. */
  giveUp: (command: ClaimedCommand, why: string) => Promise<boolean>
  now: () => Date
  concurrency: Record<Exclude<QueueName, 'lookups'>, number>
  shutdownMs: number
}

// Not to be set: a registration asks for one lookup at most, and nothing waits for what it finds.
const lookupsAtOnce = 2
const leaseMs = 8_000
/** How often a worker prolongs the leases that it has. */
export const heartbeatMs = 2_500
const maxCheckFailures = 3
const maxMessageAgeMs = 7 * 86_400_000
// Far more than a delivery needs until its own schedule ends it: it keeps killing its workers.
const maxDeliveryFailures = 100
const backoff: Backoff = { firstMs: 1_000, mostMs: 300_000 }
// What is put off does all of its work again, so it waits longer from time to time.
const outage: Backoff = { firstMs: 1_000, mostMs: 30_000 }
const lookAgainMs = 500
const lastCallMs = 1_000
const shutdown = new Error('the worker is stopping')

/** Starts taking jobs from all queues; `stop` is bounded by `shutdownMs` (W4). */
export function startWorkers(deps: WorkerDeps): Background {
  const active = new Map<AbortController, Attempt>()
  const process: Processor = (data) => runJob(deps, active, data)
  const concurrency: Record<QueueName, number> = { ...deps.concurrency, lookups: lookupsAtOnce }
  const consumers: Consumer[] = queueNames.map((name) =>
    deps.queues.consume(name, concurrency[name], process),
  )
  return {
    stop: async () => {
      const drained = Promise.all(consumers.map((consumer) => consumer.drain()))
      const ended = Promise.race([drained, untilIdle(active)])
      if ((await within(deps.shutdownMs, ended)) === 'done') return
      deps.log.warn({ jobs: active.size }, 'giving active jobs back to the ledger')
      for (const controller of active.keys()) controller.abort(shutdown)
      await Promise.allSettled([...active.values()].map((attempt) => giveBack(deps.db, attempt)))
      // A job that does not listen, or a queue that is away, must not hold up the rest.
      await within(lastCallMs, drained)
    },
  }
}

/**
 * Resolves when nothing is active any more. A queue that is away never says that it has given out its last job. Keeps no
 * process from ending.
 */
async function untilIdle(active: Map<AbortController, Attempt>): Promise<void> {
  do await sleep(lastCallMs, undefined, { ref: false })
  while (active.size > 0)
}

async function runJob(
  deps: WorkerDeps,
  active: Map<AbortController, Attempt>,
  data: JobData,
): Promise<string> {
  const attempt = { id: data.commandId, attempt: data.attempt }
  const command = await claimCommand(deps.db, attempt, leaseMs)
  if (command === undefined) return 'overtaken: another attempt holds this command' // W1
  const log = deps.log.child({
    command: command.kind,
    model: command.model,
    version: command.version,
    traceId: command.traceId,
  })
  const controller = new AbortController()
  active.set(controller, attempt)
  const heart = setInterval(() => void beat(deps, attempt, controller), heartbeatMs)
  try {
    const ended = await attemptOnce(deps, command, controller.signal)
    return await onceItAnswers(() => settle(deps, command, ended, log), controller.signal)
  } catch (error) {
    if (error instanceof LostLeaseError || controller.signal.aborted) {
      log.warn({ err: error }, 'dropped a job that was overtaken or is given back')
      return 'overtaken while running'
    }
    throw error // the lease runs out and the sweeper takes the command up again
  } finally {
    clearInterval(heart)
    active.delete(controller)
  }
}

async function attemptOnce(deps: WorkerDeps, command: ClaimedCommand, signal: AbortSignal): Promise<Ended> {
  // Counted by the sweeper: this command has killed its workers, so it is not run once more (L8).
  if (isExhausted(command, command.failures, deps.now()))
    return { kind: 'dead', why: 'its workers died or lost it too often' }
  try {
    return await deps.run(command, signal)
  } catch (error) {
    if (error instanceof LostLeaseError || signal.aborted) throw error
    if (isUnavailable(error)) return putOff(command, error) // W5
    return { kind: 'retry', why: error instanceof Error ? error.message : String(error), afterMs: null }
  }
}

function putOff(command: ClaimedCommand, error: unknown): Ended {
  const why = `the database is unavailable: ${error instanceof Error ? error.message : String(error)}`
  return { kind: 'later', why, afterMs: backoffMs(timesPutOff(command), outage) }
}

/** Writes down how an attempt ended, in one statement or transaction. */
async function settle(deps: WorkerDeps, command: ClaimedCommand, ended: Ended, log: Logger): Promise<string> {
  if (ended.kind === 'done') {
    log.info(ended.note)
    return ended.note
  }
  if (ended.kind === 'later') {
    await giveBack(deps.db, command, ended.afterMs)
    log.info({ why: ended.why, delayMs: ended.afterMs }, 'put off')
    return `not yet: ${ended.why}`
  }
  if (ended.kind === 'dead' || isExhausted(command, command.failures + 1, deps.now())) {
    if (!(await deps.giveUp(command, ended.why))) await buryCommand(deps.db, command, ended.why)
    log.error({ why: ended.why }, 'gave up')
    return `gave up: ${ended.why}`
  }
  const delayMs = ended.afterMs ?? backoffMs(command.failures, backoff)
  await retryCommand(deps.db, command, ended.why, delayMs)
  log.warn({ why: ended.why, delayMs }, 'will try again')
  return `will try again in ${delayMs} ms: ${ended.why}`
}

/**
 * Has the ledger written as soon as the database answers. Left to its lease, the command would count as one that had
 * killed its worker (W5). Rejects when the signal is aborted.
 */
async function onceItAnswers<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (!isUnavailable(error)) throw error
      await sleep(lookAgainMs, undefined, { signal })
    }
  }
}

async function beat(deps: WorkerDeps, attempt: Attempt, controller: AbortController): Promise<void> {
  try {
    const isHeld = await renewLease(deps.db, attempt, leaseMs)
    if (!isHeld) controller.abort(new LostLeaseError('the lease was lost')) // W2
  } catch (error) {
    deps.log.warn({ err: error }, 'could not prolong a lease')
  }
}

// A check says soon that it cannot be made; a message outlasts an outage of days; a deadline is never given up;
// a delivery has a schedule of its own.
function isExhausted(command: ClaimedCommand, failures: number, now: Date): boolean {
  switch (command.kind) {
    case 'runCheck':
      return failures >= maxCheckFailures
    case 'deliverWebhook':
      return failures >= maxDeliveryFailures
    case 'expireRequest':
      return false
    default:
      return failures > 0 && now.getTime() - command.createdAt.getTime() >= maxMessageAgeMs
  }
}
