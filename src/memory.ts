/** What was found lately, by key. */
export type Memory<Found> = {
  /** What was found for a key, also while it is still being looked for; else has it looked for by `find`. */
  recall(key: string, find: () => Promise<Found>): Promise<Found>
  /** Has a key looked for anew by whoever comes from now on. */
  forget(key: string): void
}

/** Opens a memory that holds what was found for so long from when it was asked for, but no failure; at most so many. */
export function openMemory<Found>(forMs: number, most: number): Memory<Found> {
  type Known = { found: Promise<Found>; until: number }
  const known = new Map<string, Known>()
  return {
    recall: (key, find) => {
      const now = performance.now()
      const last = known.get(key)
      if (last !== undefined && now < last.until) return last.found
      if (known.size >= most) known.clear()
      const entry = { found: find(), until: now + forMs }
      known.set(key, entry)
      entry.found.catch(() => known.get(key) === entry && known.delete(key))
      return entry.found
    },
    forget: (key) => void known.delete(key),
  }
}
