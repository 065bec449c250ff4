/** Counts failed sign-ins per address in memory. Bounded: the address seen longest ago is forgotten first. */
export type FailureCounter = {
  /** Tells whether an address has failed too often in the window that is open for it. */
  isOver(address: string, now: Date): boolean
  note(address: string, now: Date): void
}

/** Starts counting: at most `limit` failures per address and window, for at most `most` addresses. */
export function countFailures(options: { limit: number; windowMs: number; most: number }): FailureCounter {
  const windows = new Map<string, { since: number; failures: number }>()
  const current = (address: string, now: Date) => {
    const window = windows.get(address)
    return window !== undefined && now.getTime() - window.since < options.windowMs ? window : undefined
  }
  return {
    isOver: (address, now) => (current(address, now)?.failures ?? 0) >= options.limit,
    note: (address, now) => {
      const window = current(address, now) ?? { since: now.getTime(), failures: 0 }
      windows.delete(address)
      windows.set(address, { ...window, failures: window.failures + 1 })
      const [oldest] = windows.keys()
      if (windows.size > options.most && oldest !== undefined) windows.delete(oldest)
    },
  }
}
