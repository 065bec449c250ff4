/** A background activity; `stop` resolves when it has ended. */
export type Background = { stop(): Promise<void> }

const afterErrorMs = 1_000

/**
 * Repeats a turn until it is stopped. A turn says how many milliseconds to wait before the next one; `wake` ends
 * that wait, and rung during a turn it lets the next one follow at once. A turn that throws comes again a second later;
 * of those that do so in a row, `onError` is told ever more rarely.
 */
export function startLoop(
  turn: () => Promise<number>,
  onError: (error: unknown) => void,
): Background & { wake(): void } {
  let stopping = false
  let isWoken = false
  let endWait = () => {}
  const failures = sparingly(onError)
  const wake = () => {
    isWoken = true
    endWait()
  }
  const wait = async (ms: number): Promise<void> => {
    if (!isWoken)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        endWait = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    isWoken = false
  }
  const passed = (pauseMs: number) => {
    failures.end()
    return pauseMs
  }
  const run = async (): Promise<void> => {
    while (!stopping) {
      const pauseMs = await turn().then(passed, (error: unknown) => {
        failures.add(error)
        return afterErrorMs
      })
      if (pauseMs > 0) await wait(pauseMs)
    }
  }
  const running = run()
  return {
    wake,
    stop: async () => {
      stopping = true
      wake()
      await running
    },
  }
}

// The longest silence about what fails every second.
const mostUntold = 60

/** A row of failures, one after the other; `end` ends it. */
export type Failures = { add(error: unknown): void; end(): void }

/** Tells of the 1st, 2nd, 4th, 8th… of a row of failures and of every 60th. */
export function sparingly(tell: (error: unknown) => void): Failures {
  let count = 0
  return {
    add: (error) => {
      count += 1
      if (Number.isInteger(Math.log2(count)) || count % mostUntold === 0) tell(error)
    },
    end: () => {
      count = 0
    },
  }
}
