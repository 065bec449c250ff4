import { inject } from 'vitest'
import { openQueues, type Queues } from '../../src/workers/queues.ts'
import { openTestRedis, type TestRedis } from './redis.ts'

/** One of the two places where queues can be. */
export type Backend = { name: 'PostgreSQL' | 'Redis'; missing: string | null }

/** Both backends; `missing` is the reason why one is not there, for `describe.skipIf`. */
export function backends(): Backend[] {
  return [
    { name: 'PostgreSQL', missing: null },
    { name: 'Redis', missing: inject('available').redis },
  ]
}

/** Queues of a test's own on a backend; `redis` is null on PostgreSQL. */
export async function openTestQueues(
  backend: Backend,
  databaseUrl: string,
): Promise<{ queues: Queues; redis: TestRedis | null; close(): Promise<void> }> {
  const redis = backend.name === 'Redis' ? await openTestRedis() : null
  await redis?.flushAll()
  const queues = await openQueues({ redisUrl: redis?.url ?? null, databaseUrl, onError: () => {} })
  const close = async () => {
    await queues.close()
    await redis?.close()
  }
  return { queues, redis, close }
}
