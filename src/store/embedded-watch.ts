// Looking after the server of an embedded cluster while this process runs.
import { setTimeout as sleep } from 'node:timers/promises'

const lookMs = 1_000
const mostMs = 30_000

/** A look that goes on until `stop`, which *never rejects*. */
export type Watch = { stop(): Promise<void> }

/**
 * Looks every second whether a server runs, and has it revived where it does not: `onEnd` once for each time that it
 * ended, then `revive`, again and again with growing pauses while it fails. `onFailure` is told each time that it does.
 * Keeps no process from ending.
 */
export function watchServer(server: {
  isRunning: () => Promise<boolean>
  revive: () => Promise<void>
  onEnd: () => void
  onFailure: (error: unknown) => void
}): Watch {
  const stopping = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { ref: false, signal: stopping.signal }).catch(() => {}) // woken by the stop
  const watch = async () => {
    let hasEnded = false
    for (let pauseMs = lookMs; !stopping.signal.aborted; await pause(pauseMs)) {
      const isRunning = await server.isRunning()
      if (isRunning) pauseMs = lookMs
      else if (!hasEnded) server.onEnd()
      hasEnded = !isRunning
      if (isRunning) continue
      await server.revive().catch((error: unknown) => {
        server.onFailure(error)
        pauseMs = Math.min(mostMs, 2 * pauseMs)
      })
    }
  }
  const watching = watch()
  return {
    stop: () => {
      stopping.abort()
      return watching
    },
  }
}
