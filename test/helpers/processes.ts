import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Edit } from './broken-builds.ts'

/** How a process ended, and how many milliseconds after it was told to. */
export type Ending = { code: number | null; signal: NodeJS.Signals | null; ms: number }

/** A running `greenroom serve` or `greenroom work`. */
export type Service = {
  part: 'serve' | 'work'
  /** Resolves when it is up, with the address where it listens; null for workers. Rejects when it ends before. */
  ready: Promise<string | null>
  /** Everything it has written, one JSON line per thing. */
  lines: string[]
  /** kill -9; resolves when it is gone. */
  kill(): Promise<Ending>
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<Ending>
  /** SIGSTOP and SIGCONT. */
  freeze(): void
  thaw(): void
  /** Why it ended although nobody told it to; null while it runs, or when somebody did. */
  crash(): string | null
}

const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const tether = new URL('./tether.ts', import.meta.url).href
const editedSource = new URL('./edited-source.ts', import.meta.url).href
const isReady = /Greenroom listens at (http:\/\/127\.0\.0\.1:\d+)|Greenroom works/

/**
 * Starts a part of the program as a process of its own, as it is or with edits to its source. It has this environment
 * and no other, and ends with the test process at the latest.
 */
export function startService(
  part: Service['part'],
  environment: Record<string, string>,
  cwd: string,
  edits: Edit[] = [],
): Service {
  const preloads = edits.length === 0 ? [tether] : [tether, editedSource]
  const child = spawn(process.execPath, [...preloads.flatMap((url) => ['--import', url]), cli, part], {
    cwd,
    env: { PATH: process.env.PATH, ...environment, BROKEN_BUILD: JSON.stringify(edits) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const gone = once(child, 'exit')
  const lines: string[] = []
  const failed = gone.then(() => {
    throw new Error(`\`greenroom ${part}\` did not start:\n${lines.slice(-20).join('\n')}`)
  })
  failed.catch(() => {}) // It ends one day, long after it was up.

  let told = false
  const end = async (signal: NodeJS.Signals): Promise<Ending> => {
    told = true
    const before = performance.now()
    child.kill(signal)
    await gone
    return { code: child.exitCode, signal: child.signalCode, ms: performance.now() - before }
  }
  return {
    part,
    ready: Promise.race([readLines(child, lines), failed]),
    lines,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    crash: () => {
      const ended = child.exitCode ?? child.signalCode
      return ended === null || told ? null : `ended with ${ended}:\n${lines.slice(-20).join('\n')}`
    },
  }
}

/** Collects what a process writes; resolves with the address in its greeting. */
function readLines(child: ChildProcess, lines: string[]): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      const greeting = isReady.exec(line)
      if (greeting !== null) resolve(greeting[1] ?? null)
    })
  }
  return promise
}
