// The server process of an embedded cluster: finds, launches and stops it. The invariants P1 to P6 are those of
// embedded.ts, and callers hold its startup lock.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { OperatorError } from '../errors.ts'
import { freePort } from '../free-port.ts'
import { type Place, processOptions, runAs } from './embedded-files.ts'

/** The role that owns an embedded cluster. */
export const USER = 'greenroom'

const READY_MS = 120_000 // crash recovery of a large cluster comes before the first connection
const POLL_MS = 20
const HELD_WAIT_MS = 500
const MAX_LAUNCHES = 30
const STOP_FAST_S = 20
const STOP_IMMEDIATE_S = 10
const NO_PID = 2 ** 31 - 2 // above every system's largest pid

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // a socket's path may have 107 bytes, which a home directory easily exceeds
  max_connections: '200',
  fsync: 'on', // P6
  log_checkpoints: 'off',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/** The connection URL of `database` on the embedded server. *Pure.* */
export const urlOf = (port: number, password: string, database: string): string =>
  `postgres://${USER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`

/** The line of an error, or of what a failed program wrote, that tells most. *Pure.* */
export function lastLine(error: unknown): string {
  const text =
    error instanceof Error ? ('stderr' in error && String(error.stderr)) || error.message : String(error)
  const lines = text.trim().split('\n')
  return lines.findLast((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? ''
}

/**
 * Starts the cluster's server unless it runs (`started`); it takes connections on `port` from here on. With `only`, on
 * that port or not at all.
 */
export async function ensureRunning(
  place: Place,
  password: string,
  settings: Record<string, string>,
  only?: number,
): Promise<{ port: number; started: boolean }> {
  let port = await rememberedPort(place)
  for (let attempt = 1; ; attempt += 1) {
    const running = await findServer(place, password)
    if (running !== undefined) return { port: running, started: false }
    port = await freePort(port)
    if (only !== undefined && port !== only)
      throw new OperatorError(`Port ${only} is taken; stop what uses it, or start Greenroom anew.`)
    const launch = await launchServer(place, password, { ...SETTINGS, ...settings, port: String(port) })
    if (launch.kind === 'ready') return { port, started: true }
    if (launch.kind === 'failed' || attempt === MAX_LAUNCHES) {
      const advice = `Its log is ${logFileOf(place)}; or set DATABASE_URL to a PostgreSQL server of your own`
      throw new OperatorError(`PostgreSQL did not start: ${launch.reason}. ${advice}.`)
    }
    if (launch.kind === 'held') await sleep(HELD_WAIT_MS)
  }
}

/** Stops the cluster's server: fast, and when that takes too long, at once. Resolves too when none runs. */
export async function stopServer(place: Place): Promise<void> {
  const pgCtl = (mode: string, seconds: number) =>
    runAs(place.account, join(place.bin, 'pg_ctl'), [
      'stop',
      '-D',
      place.cluster,
      '-m',
      mode,
      '-w',
      '-t',
      `${seconds}`,
    ])
  const { pid } = await readPidFile(place)
  if (pid === undefined || !(await isPostgres(pid))) return
  await pgCtl('fast', STOP_FAST_S).catch(() => pgCtl('immediate', STOP_IMMEDIATE_S))
}

/** Whether a server of the cluster runs on this port, or is coming up there. *Never rejects.* */
export async function isRunning(place: Place, port: number): Promise<boolean> {
  const found = await readPidFile(place)
  return found.port === port && found.pid !== undefined && (await isPostgres(found.pid))
}

/** The port of the running server, waited for while it comes up; undefined when there is none. */
async function findServer(place: Place, password: string): Promise<number | undefined> {
  const deadline = AbortSignal.timeout(READY_MS)
  for (;;) {
    const { pid, port, ready } = await readPidFile(place)
    if (pid === undefined) return undefined
    if (!(await isPostgres(pid))) {
      await disownPidFile(place)
      return undefined
    }
    if (ready && (await accepts(urlOf(port, password, 'postgres')))) return port
    if (deadline.aborted) {
      throw new OperatorError(
        `PostgreSQL (process ${pid}) runs on ${place.cluster} but takes no connection. Stop it.`,
      )
    }
    await sleep(POLL_MS)
  }
}

type PidFile = { pid: number | undefined; port: number; ready: boolean }

async function readPidFile(place: Place): Promise<PidFile> {
  const text = await readFile(join(place.cluster, 'postmaster.pid'), 'utf8').catch(() => '')
  const [pid, , , port, , , , status] = text.split('\n')
  return { pid: pid ? Number(pid) : undefined, port: Number(port), ready: status?.trim() === 'ready' }
}

/** Gives a dead server's pid file a pid that cannot live, since its own may by now be a zombie's or someone else's. */
async function disownPidFile(place: Place): Promise<void> {
  const file = join(place.cluster, 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const changed = `${file}.${randomUUID()}`
  await writeFile(changed, text.replace(/^.*/, String(NO_PID)), { flag: 'wx' })
  await rename(changed, file) // P5
}

/** Whether the process lives, is no zombie and is a PostgreSQL server. Never rejects. */
async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') {
    const ps = await runAs(undefined, 'ps', ['-o', 'stat=,comm=', '-p', String(pid)]).catch(() => ({
      stdout: '',
    }))
    return /^[^Z]\S*\s+(\S*\/)?postgres/.test(ps.stdout.trim())
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return /\(postgres\) [^ZX]/.test(status)
}

async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 })
  client.on('error', () => {}) // a server that goes away again shows in the next attempt
  try {
    await client.connect()
    return true
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code?.startsWith('57P')) return false
    throw new OperatorError(`The embedded PostgreSQL refuses us: ${error.message}. Stop that server.`, {
      cause: error,
    })
  } finally {
    await client.end().catch(() => {})
  }
}

type Launch = { kind: 'ready' } | { kind: 'portTaken' | 'held' | 'failed'; reason: string }

async function launchServer(
  place: Place,
  password: string,
  settings: Record<string, string>,
): Promise<Launch> {
  const logFile = logFileOf(place)
  await rename(logFile, `${logFile}.1`).catch(() => {}) // there is none at the first start
  const output = await open(logFile, 'a', 0o600)
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(place.bin, 'postgres'), ['-D', place.cluster, ...options], {
    ...processOptions(place.account),
    detached: true, // P3
    stdio: ['ignore', output.fd, output.fd],
  })
  server.unref()
  const ended = new AbortController()
  server.once('error', (error) => ended.abort(error))
  server.once('exit', () => ended.abort())
  await output.close()
  const deadline = AbortSignal.any([ended.signal, AbortSignal.timeout(READY_MS)])
  while (!deadline.aborted) {
    const { pid, port, ready } = await readPidFile(place)
    if (pid === server.pid && ready && (await accepts(urlOf(port, password, 'postgres'))))
      return { kind: 'ready' }
    await sleep(POLL_MS)
  }
  return explainEnd(await readFile(logFile, 'utf8'), deadline.reason)
}

/** 'held': another server, or backends of a killed one that are still ending, use the cluster. *Pure.* */
function explainEnd(text: string, cause: unknown): Launch {
  const reason = lastLine(text || cause)
  if (/could not bind|Address already in use/.test(text)) return { kind: 'portTaken', reason }
  if (/lock file "postmaster.pid" already exists|shared memory block .* still in use/.test(text)) {
    return { kind: 'held', reason }
  }
  return { kind: 'failed', reason }
}

/** Where the running server writes its log; the log of the one before it has `.1` at its end. *Pure.* */
export const logFileOf = (place: Place): string => join(place.dir, 'server.log')

/** The port of the last start, from the command line that PostgreSQL keeps; 0 before the first. */
async function rememberedPort(place: Place): Promise<number> {
  const command = await readFile(join(place.cluster, 'postmaster.opts'), 'utf8').catch(() => '')
  return Number(/port=(\d+)/.exec(command)?.[1] ?? 0)
}
