// How much a server answers, as told by wrk. The load shares the machine with what it is put on: a client in Node takes
// a fifth of the processors from a server that answers thousands of requests a second, and wrk next to nothing.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Spread } from './statistics.ts'

/** One request of a load; its body is JSON, on one line. */
export type LoadRequest = { method: 'GET' | 'POST'; path: string; body?: string }

/** How fast a server was. */
export type Pace = { perSecond: number; latency: Spread }

const run = promisify(execFile)
const script = join(import.meta.dirname, 'load.lua')
const longestSeconds = 60
const usPerMs = 1_000
const usPerSecond = 1_000_000

/** Whether wrk is installed. */
export async function hasWrk(): Promise<boolean> {
  return run('wrk', ['--version']).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT', // it tells its version and ends with 1
  )
}

/**
 * Sends some of `requests`, at random, over `connections` at once for whole `seconds`; a file in `dir` holds them
 * meanwhile. Rejects when one is not answered with success.
 */
export async function runLoad(
  url: string,
  requests: LoadRequest[],
  {
    connections,
    seconds,
    headers,
    dir,
  }: {
    connections: number
    seconds: number
    headers: Record<string, string>
    dir: string
  },
): Promise<Pace> {
  const file = join(dir, 'requests.tsv')
  writeFileSync(file, requests.map(({ method, path, body = '' }) => `${method}\t${path}\t${body}\n`).join(''))
  const told = Object.entries({ ...headers, 'content-type': 'application/json' })
  const { stdout } = await run('wrk', [
    ...['-t1', `-c${connections}`, `-d${seconds}`, '--timeout', `${longestSeconds}`, '-s', script],
    ...told.flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    ...[url, '--', file],
  ])
  const figures = /^figures (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(stdout)
  if (figures === null) throw new Error(`wrk has told no figures:\n${stdout}`)
  const [samples = 0, failed = 0, us = 0, p50 = 0, p99 = 0] = figures.slice(1).map(Number)
  if (samples === 0 || failed > 0) {
    const [first] = requests
    throw new Error(`${failed} of ${samples} requests such as ${first?.method} ${first?.path} failed`)
  }
  return {
    perSecond: (samples * usPerSecond) / us,
    latency: { samples, p50: p50 / usPerMs, p99: p99 / usPerMs },
  }
}
