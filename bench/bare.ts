// The bare parts: what the queue and the database do when nothing but themselves is asked of them.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openQueues, type Queues } from '../src/workers/queues.ts'
import { concurrency, type Stage } from './stage.ts'
import { inParallel } from './statistics.ts'

// As many as the dispatcher hands over at most.
const batchSize = 500

/**
 * Commits per second: each inserts one small row, on as many connections as webhooks are under way at once. As single
 * statements, or as transactions: `begin`, the insert, and `commit`, which is what a commit of Greenroom's has at least.
 */
export async function timeBareCommits(
  stage: Stage,
  count: number,
  how: 'statements' | 'transactions',
): Promise<number> {
  const pool = new pg.Pool({ connectionString: stage.bareDatabaseUrl, max: concurrency })
  pool.on('error', () => {}) // a server that stops while we do ends idle connections
  try {
    await pool.query('create table if not exists bare (id uuid primary key, note text not null)')
    await Promise.all(Array.from({ length: concurrency }, () => pool.query('select pg_sleep(0.05)')))
    const ids = Array.from({ length: count }, () => randomUUID())
    const started = performance.now()
    const insert = (on: Pick<pg.Pool, 'query'>, id: string) =>
      on.query('insert into bare values ($1, $2)', [id, 'nothing'])
    await inParallel(ids, concurrency, (id) =>
      how === 'statements' ? insert(pool, id) : inTransaction(pool, (client) => insert(client, id)),
    )
    return count / seconds(started)
  } finally {
    await pool.end()
  }
}

async function inTransaction(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<unknown>,
): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await work(client)
    await client.query('commit')
  } finally {
    client.release()
  }
}

/** Jobs per second that do nothing: handed over in bulk, on queues as Greenroom opens them. */
export async function timeBareJobs(stage: Stage, count: number): Promise<number> {
  const queues = await openQueues({
    // Another keyspace than Greenroom's own workers listen on.
    redisUrl: stage.redisUrl === null ? null : `${stage.redisUrl}/1`,
    databaseUrl: stage.bareDatabaseUrl,
    onError: () => {},
  })
  await untilReady(queues)
  const done = Promise.withResolvers<void>()
  let left = count
  const consumer = queues.consume('checks', concurrency, async () => {
    left -= 1
    if (left === 0) done.resolve()
    return ''
  })
  try {
    const jobs = Array.from({ length: count }, () => ({
      kind: 'runCheck',
      data: { commandId: randomUUID(), attempt: 1, model: 'bare', version: 1 },
    }))
    const started = performance.now()
    for (let from = 0; from < count; from += batchSize)
      await queues.add('checks', jobs.slice(from, from + batchSize))
    await done.promise
    return count / seconds(started)
  } finally {
    await consumer.drain()
    await queues.close()
  }
}

// A producer refuses everything until it is connected, rather than wait.
async function untilReady(queues: Queues): Promise<void> {
  for (let patience = 100; ; patience--) {
    try {
      return await queues.ping()
    } catch (error) {
      if (patience === 0) throw error
      await sleep(20)
    }
  }
}

function seconds(started: number): number {
  return (performance.now() - started) / 1_000
}
