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
