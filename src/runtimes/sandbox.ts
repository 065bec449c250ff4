// A few warm processes, each for one model.
//
// Invariants:
//   S1. A process that was handed a task never gets another one: it is killed, however the task ended.
//   S2. There are never more than `size` processes.
//   S3. After close() there is none.
//   S4. A task's time starts when a process takes it, so that nobody pays for a neighbour that hangs.
import type { ModelTask } from './model-task.ts'
import { type SandboxOutcome, type SandboxProcess, startSandboxProcess } from './sandbox-process.ts'

export type { SandboxOutcome } from './sandbox-process.ts'

/** Where models are run: nothing that a model does there harms anything else. */
export type ModelSandbox = {
  /** Carries out a task in a process of its own; waits for a free one. Rejects with the signal's reason. */
  run(task: ModelTask, limits: { timeoutMs: number; signal: AbortSignal }): Promise<SandboxOutcome>
  /** Kills all processes, at work or not; tasks at work reject. *Idempotent.* */
  close(): Promise<void>
}

/**
 * Starts `size` processes, which get ready in the background and are kept warm. `memoryBytes` is what each may hold
 * in memory (watched on Linux only).
 */
export function openSandbox({
  size,
  memoryBytes = 1.5e9,
}: {
  size: number
  memoryBytes?: number
}): ModelSandbox {
  const closing = new AbortController()
  const alive = new Set<SandboxProcess>()
  const idle = new Set<SandboxProcess>()
  const slots = openSlots(size)

  const start = (): SandboxProcess => {
    const fresh = startSandboxProcess()
    alive.add(fresh)
    // One that ends while idle is not replaced before it is needed: what ended it may end the next one.
    void fresh.ended.then(() => alive.delete(fresh) && idle.delete(fresh))
    return fresh
  }
  const takeIdle = (): SandboxProcess => {
    const [taken = start()] = idle
    idle.delete(taken)
    return taken
  }
  const replace = async (used: SandboxProcess): Promise<void> => {
    await used.end() // S1
    if (!closing.signal.aborted) idle.add(start())
    slots.give() // S2
  }

  for (let count = 0; count < size; count += 1) idle.add(start())
  return {
    run: async (task, limits) => {
      const signal = AbortSignal.any([limits.signal, closing.signal])
      await slots.take(signal)
      const taken = takeIdle()
      try {
        return await taken.perform(task, { ...limits, memoryBytes, signal }) // S4
      } finally {
        void replace(taken)
      }
    },
    close: async () => {
      closing.abort(new Error('the sandbox was closed'))
      await Promise.all([...alive].map((one) => one.end())) // S3
    },
  }
}

/** So many may hold a slot at once; the others wait in the order in which they came. */
function openSlots(count: number) {
  let free = count
  const waiting: (() => void)[] = []
  const give = (): void => {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
  const take = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    if (free > 0) {
      free -= 1
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const leave = () => {
      const place = waiting.indexOf(resolve)
      if (place >= 0) waiting.splice(place, 1)
      // Its turn came in the same moment: someone else's then.
      else give()
      resolve()
    }
    waiting.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    await promise
    signal.removeEventListener('abort', leave)
    signal.throwIfAborted()
  }
  return { take, give }
}
