// The whole choice between Redis and PostgreSQL as BullMQ's backend lives here; everybody else sees queues.
//
// Invariants:
//   Q1. A job carries ids, never data or secrets: whatever Redis holds may be lost or read.
//   Q2. A producer fails within seconds when its backend is away or silent; it never waits for it (L3).
//   Q3. Finished jobs are kept for a while, so that a job id is not accepted twice.
import { setTimeout as sleep } from 'node:timers/promises'
import { createPostgresBackend, Queue, runMigrations, Worker, withBackend } from 'bullmq'
import { Redis } from 'ioredis'
import pg from 'pg'
import { type QueueName, queueOf } from '../store/commands.ts'
import { explainMigration } from '../store/migrate.ts'
import { within } from '../within.ts'

/** What a job carries: which command, and which attempt at it (Q1). */
export type JobData = { commandId: string; attempt: number; model: string; version: number | null }

/** Does one job; the string it gives is shown in the queue dashboard. */
export type Processor = (data: JobData) => Promise<string>

/** What the program needs of a running consumer. */
export type Consumer = {
  /** Takes no new jobs; resolves when the active ones have ended, which may be never while the backend is away. */
  drain(): Promise<void>
}

/** All queues of one backend. */
export type Queues = {
  backend: 'redis' | 'postgres'
  /** For the dashboard. */
  all: Queue[]
  /** Hands jobs to a queue in one round trip; rejects within seconds when the backend is away (Q2). */
  add(queue: QueueName, jobs: { kind: string; data: JobData }[]): Promise<void>
  /** Tells whether the queue still holds the job and will run it. */
  holds(queue: QueueName, data: Pick<JobData, 'commandId' | 'attempt'>): Promise<boolean>
  /** Starts taking jobs from a queue. */
  consume(queue: QueueName, concurrency: number, process: Processor): Consumer
  /** Resolves when the backend answers. */
  ping(): Promise<void>
  close(): Promise<void>
}

/** Where the queues are, and who is told of connection faults; BullMQ reconnects by itself. */
export type QueueOptions = {
  redisUrl: string | null
  databaseUrl: string
  onError: (error: Error) => void
  /** Told whenever Redis takes commands, at first and after it was away. */
  onReady?: () => void
}

export const queueNames: QueueName[] = [...new Set(Object.values(queueOf))]

const keep = {
  // Longer than any command waits for its next sweep, shorter than memory allows (Q3).
  removeOnComplete: { age: 3_600, count: 2_000 },
  removeOnFail: { age: 24 * 3_600, count: 2_000 },
}
// The ledger's leases decide when work is taken over; a job that BullMQ runs again is fenced off there. So stalls
// are found quickly, and never fail a job.
const workerTiming = { lockDuration: 10_000, stalledInterval: 2_500, maxStalledCount: 1_000_000 }
const postgresSchema = 'bullmq'
// A database host that has gone silent answers nothing (Q2). No statement of BullMQ takes long: it waits for jobs on a
// connection that listens, not in a statement.
const impatient = { keepAlive: true, connectionTimeoutMillis: 5_000, query_timeout: 10_000 }
const pingMs = 2_000
const closeMs = 2_000
const startAgainMs = 1_000

/** Opens the queues on Redis where there is one, else on PostgreSQL, which is brought up to date; rejects when it is away. */
export async function openQueues(options: QueueOptions): Promise<Queues> {
  return options.redisUrl === null
    ? openOnPostgres(options.databaseUrl, options.onError)
    : openOnRedis(options.redisUrl, options)
}

function openOnRedis(url: string, { onError, onReady = () => {} }: QueueOptions): Queues {
  // BullMQ's own choice waits up to 20 s before it reconnects.
  const retryStrategy = () => 1_000
  const producer = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 2_000, // a host that has gone silent answers nothing
    retryStrategy,
  })
  producer.on('error', onError)
  producer.on('ready', onReady)
  const consumers: Redis[] = []
  return assemble({
    backend: 'redis',
    onError,
    // Asking for the version would be the queue's first command; failing once, while Redis is away, it would fail
    // that queue for good. The workers ask.
    makeQueue: (name) =>
      new Queue(name, {
        connection: producer,
        skipWaitingForReady: true,
        skipVersionCheck: true,
        defaultJobOptions: keep,
      }),
    makeWorker: (name, concurrency, process) => {
      const connection = new Redis(url, { maxRetriesPerRequest: null, retryStrategy })
      connection.on('error', onError)
      consumers.push(connection)
      return new Worker(name, (job) => process(job.data), { connection, concurrency, ...workerTiming })
    },
    ping: async () => void (await producer.ping()),
    disconnect: async () => {
      for (const connection of [producer, ...consumers]) connection.disconnect()
    },
  })
}

async function openOnPostgres(url: string, onError: (error: Error) => void): Promise<Queues> {
  await migrateBullmq(url)
  const classes = withBackend(createPostgresBackend)
  const connection = { ...impatient, connectionString: url, schema: postgresSchema, max: 4 }
  const pingLimits = { connectionTimeoutMillis: pingMs, query_timeout: pingMs }
  const pool = new pg.Pool({ ...impatient, ...pingLimits, connectionString: url, max: 1 })
  pool.on('error', onError)
  const queues = assemble({
    backend: 'postgres',
    onError,
    makeQueue: (name) => new classes.Queue(name, { connection, defaultJobOptions: keep }) as unknown as Queue,
    makeWorker: (name, concurrency, process) =>
      new classes.Worker<JobData>(name, (job) => process(job.data), {
        connection: { ...connection, max: Math.max(4, concurrency) },
        concurrency,
        ...workerTiming,
      }) as unknown as Worker,
    ping: async () => void (await pool.query('select 1')),
    disconnect: () => pool.end(),
  })
  // One whose first connection fails would fail for good.
  await Promise.all(queues.all.map((queue) => queue.waitUntilReady())).catch(async (error) => {
    await queues.close()
    throw error
  })
  return queues
}

async function migrateBullmq(url: string): Promise<void> {
  // How long it takes is bounded by nothing here: another process may be at it.
  const client = new pg.Client({ connectionString: url, keepAlive: true, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // what it was asked rejects besides
  await client.connect()
  try {
    await runMigrations(client, postgresSchema).catch((error: unknown) => {
      throw explainMigration('The tables of the queues could not be brought up to date', error)
    })
  } finally {
    await client.end()
  }
}

type Parts = {
  backend: Queues['backend']
  onError: (error: Error) => void
  makeQueue: (name: QueueName) => Queue
  makeWorker: (name: QueueName, concurrency: number, process: Processor) => Worker
  ping: () => Promise<void>
  disconnect: () => Promise<void>
}

function assemble(parts: Parts): Queues {
  const queues = new Map(queueNames.map((name) => [name, parts.makeQueue(name)]))
  for (const queue of queues.values()) queue.on('error', parts.onError)
  const of = (name: QueueName): Queue => {
    const queue = queues.get(name)
    if (queue === undefined) throw new Error(`no such queue: ${name}`)
    return queue
  }
  return {
    backend: parts.backend,
    all: [...queues.values()],
    add: async (name, jobs) => {
      await of(name).addBulk(
        jobs.map(({ kind, data }) => ({ name: kind, data, opts: { jobId: jobIdOf(data) } })),
      )
    },
    holds: async (name, data) => waitingStates.has(await of(name).getJobState(jobIdOf(data))),
    consume: (name, concurrency, process) =>
      keepStarted(() => parts.makeWorker(name, concurrency, process).on('error', parts.onError)),
    ping: parts.ping,
    close: async () => {
      await within(closeMs, Promise.allSettled([...queues.values()].map((queue) => queue.close())))
      await parts.disconnect()
    },
  }
}

/** Makes a worker, and another one for as long as it cannot connect: one whose first connection fails takes no job ever. */
function keepStarted(make: () => Worker): Consumer {
  let worker = make()
  let isStopping = false
  const replaceUntilReady = async (): Promise<void> => {
    while (!(await isReady(worker))) {
      await Promise.all([worker.close(), sleep(startAgainMs, undefined, { ref: false })])
      if (isStopping) return
      worker = make()
    }
  }
  void replaceUntilReady()
  return {
    drain: () => {
      isStopping = true
      return worker.close()
    },
  }
}

async function isReady(worker: Worker): Promise<boolean> {
  return worker.waitUntilReady().then(
    () => true,
    () => false, // told as an error besides
  )
}

// A claim follows the start of a job within milliseconds, so an overdue job that is `active` was lost with its worker.
const waitingStates = new Set<string>(['waiting', 'prioritized', 'delayed', 'waiting-children'])

function jobIdOf(data: Pick<JobData, 'commandId' | 'attempt'>): string {
  return `${data.commandId}-${data.attempt}`
}
