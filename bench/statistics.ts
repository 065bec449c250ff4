/** The value below which a share of the samples lies, by nearest rank. Throws on no samples. *Pure.* */
export function percentile(samples: number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('a percentile of no samples')
  return value
}

/** The middle one of a few figures. *Pure.* */
export function median(figures: number[]): number {
  return percentile(figures, 0.5)
}

/** What is told of a set of durations in milliseconds. */
export type Spread = { samples: number; p50: number; p99: number }

/** Sums up durations in milliseconds. *Pure.* */
export function spreadOf(samples: number[]): Spread {
  return { samples: samples.length, p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) }
}

/** Does `work` for every item, at most `width` at once, in order. Rejects with the first fault. */
export async function inParallel<T>(
  items: T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items.values()
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of rest) await work(item)
    }),
  )
}
