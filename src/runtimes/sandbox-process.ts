// One disposable process that loads one model.
import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ModelAnswer, type ModelTask, modelAnswer } from './model-task.ts'

/** How a task in a sandbox ended. Only an answer says anything the model had time and memory to say. */
export type SandboxOutcome =
  | { kind: 'answered'; answer: ModelAnswer }
  | { kind: 'timedOut' }
  | { kind: 'outOfMemory'; limitBytes: number }
  /** By itself; `how` is its signal or exit code and the last thing it said. */
  | { kind: 'ended'; how: string }

/** A process that takes one task. `ended` resolves once it is gone; `end` makes sure that it goes. */
export type SandboxProcess = {
  ended: Promise<void>
  perform(
    task: ModelTask,
    limits: { timeoutMs: number; memoryBytes: number; signal: AbortSignal },
  ): Promise<SandboxOutcome>
  end(): Promise<void>
}

// It takes about half a second; on a machine at its limit much longer.
const readyWithinMs = 30_000
const memoryPollMs = 250
const heapMebibytes = 1024
const lastWordsLength = 400

/**
 * Starts a process, which gets ready by itself. It has an empty environment and no more than Node's permission to
 * read files; it cannot write, start processes, or load native code.
 */
export function startSandboxProcess(): SandboxProcess {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const child = fork(fileURLToPath(new URL(`./sandbox-child${extension}`, import.meta.url)), [], {
    env: {},
    cwd: tmpdir(),
    // A worker thread watches for the parent's death; the warning that threads are allowed says nothing new.
    execArgv: [
      '--permission',
      '--allow-fs-read=*',
      '--allow-worker',
      '--disable-warning=PERM0006',
      `--max-old-space-size=${heapMebibytes}`,
    ],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let lastWords = ''
  child.stderr?.on('data', (said: Buffer) => {
    lastWords = (lastWords + said.toString()).slice(-lastWordsLength)
  })
  const { promise: gone, resolve: leave } = Promise.withResolvers<string>()
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  child.on('error', (error) => leave(error.message))
  // What it said last may still be on its way then; that it can take no task is known.
  child.once('exit', () => end())
  child.once('close', (code, signal) =>
    leave(
      [signal ?? `exit code ${code}`, lastWords.replaceAll(/\s+/g, ' ').trim()].filter(Boolean).join(': '),
    ),
  )
  const late = sleep(readyWithinMs, `no sign of it in ${readyWithinMs / 1000} s`, { ref: false })
  const ready = Promise.race([nextMessage(child), gone, late])

  return {
    ended: Promise.race([ended, gone.then(() => {})]),
    perform: async (task, limits) => {
      const said = await Promise.race([ready, abortOf(limits.signal)])
      if (said !== 'ready') return { kind: 'ended', how: `before it was ready, with ${said}` }
      return conduct(child, gone, task, limits)
    },
    end: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}

async function conduct(
  child: ChildProcess,
  gone: Promise<string>,
  task: ModelTask,
  limits: { timeoutMs: number; memoryBytes: number; signal: AbortSignal },
): Promise<SandboxOutcome> {
  const { promise, resolve } = Promise.withResolvers<SandboxOutcome>()
  const timer = setTimeout(() => resolve({ kind: 'timedOut' }), limits.timeoutMs)
  const { memoryBytes } = limits
  const watch = setInterval(async () => {
    const bytes = await residentBytes(child.pid)
    if (bytes > memoryBytes) resolve({ kind: 'outOfMemory', limitBytes: memoryBytes })
  }, memoryPollMs)
  try {
    const answered = nextMessage(child).then((said): SandboxOutcome => {
      return { kind: 'answered', answer: modelAnswer.parse(said) }
    })
    const crashed = gone.then((how): SandboxOutcome => ({ kind: 'ended', how: `with ${how}` }))
    // That it cannot be sent to a process that is gone is told by `gone`.
    child.send(task, () => {})
    return await Promise.race([answered, crashed, promise, abortOf(limits.signal)])
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
  }
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once('message', resolve))
}

/** Rejects with the signal's reason once it is aborted. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The memory that a process holds; 0 where the system does not tell, which is everywhere but on Linux. */
async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
