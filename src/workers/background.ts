/** A background activity; `stop` resolves when it has ended. */
export type Background = { stop(): Promise<void> }

const afterErrorMs = 1_000

/**
 * Repeats a turn until it is stopped. A turn says how many milliseconds to wait before the next one; `wake` ends
 * that wait, and rung during a turn it lets the next one follow at once. A turn that throws is told to `onError`
 * and comes again a second later.
 */
export function startLoop(
  turn: () => Promise<number>,
  onError: (error: unknown) => void,
): Background & { wake(): void } {
  let stopping = false
  let isWoken = false
  let endWait = () => {}
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
  const run = async (): Promise<void> => {
    while (!stopping) {
      const pauseMs = await turn().catch((error: unknown) => {
        onError(error)
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
