/** How long to wait after failures: the first wait, doubled with each failure, up to the most; in milliseconds. */
export type Backoff = { firstMs: number; mostMs: number }

/** The wait after this many failures, with up to a fifth of jitter so that failures do not return together. */
export function backoffMs(failures: number, { firstMs, mostMs }: Backoff): number {
  const base = Math.min(mostMs, firstMs * 2 ** Math.min(failures, 20))
  return Math.round(base * (1 + Math.random() / 5))
}

/** How often a command was put off, or was taken by a queue that lost it. *Pure.* */
export function timesPutOff({ attempt, failures }: { attempt: number; failures: number }): number {
  return attempt - 1 - failures
}
