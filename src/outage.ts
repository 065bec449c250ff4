import type { Logger } from 'pino'

const everyMs = 30_000

/** Hears of a part that other parts cannot do without. */
export type Outage = { lost(error: Error): void; back(): void }

/**
 * Has an outage told once at its beginning, then once in a while however often it is heard of, and once when it is over.
 * `now` is in milliseconds.
 */
export function tellOutage(tell: Outage, now: () => number): Outage {
  let toldAt: number | null = null
  return {
    lost: (error) => {
      if (toldAt !== null && now() - toldAt < everyMs) return
      toldAt = now()
      tell.lost(error)
    },
    back: () => {
      if (toldAt !== null) tell.back()
      toldAt = null
    },
  }
}

/** Has the log tell that connections to the database break. Nobody hears when it is back. */
export function databaseOutage(log: Logger, now: () => number): Pick<Outage, 'lost'> {
  const lost = (error: Error) => log.warn({ err: error }, 'a connection broke; it is made anew')
  return tellOutage({ lost, back: () => {} }, now)
}

/** Has the log tell that Redis is away, and that it is back. */
export function redisOutage(log: Logger, now: () => number): Outage {
  const lost = (error: Error) =>
    log.warn(
      { reason: error.message || (error as { code?: string }).code },
      'Redis (REDIS_URL) cannot be used; what is due waits in the ledger until it can',
    )
  return tellOutage({ lost, back: () => log.info('Redis can be used again') }, now)
}
