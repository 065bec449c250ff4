import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for work at most `ms` milliseconds; `late` when it has not ended by then. Rejects only as the work does. */
export async function within(ms: number, work: Promise<unknown>): Promise<'done' | 'late'> {
  const bound = new AbortController()
  const late = sleep(ms, 'late' as const, { signal: bound.signal }).catch(() => 'late' as const)
  try {
    return await Promise.race([work.then(() => 'done' as const), late])
  } finally {
    bound.abort()
  }
}
