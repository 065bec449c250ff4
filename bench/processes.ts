import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { freePort } from '../src/free-port.ts'

/** A child process that has said it is ready. `stop` asks it to end and waits; *never rejects*. */
export type Child = { pid: number; log(): string; stop(): Promise<void> }

const root = resolve(import.meta.dirname, '..')
const readyMs = 30_000
const stopMs = 15_000
// What every Linux tells user programs, whatever its kernel counts in.
const msPerTick = 10

/**
 * Starts `greenroom <command>` as the image does, from what `npm run build` made, with nothing of our environment but
 * `env`. It ends when we die. Resolves when its log says that it runs.
 */
export function startGreenroom(
  command: 'serve' | 'work',
  env: Record<string, string>,
  dir: string,
): Promise<Child> {
  const leash = pathToFileURL(join(root, 'scripts/leash.mjs')).href
  const args = [
    ...(command === 'serve' ? ['--max-semi-space-size=8'] : []),
    '--import',
    leash,
    join(root, 'dist/cli/main.js'),
    command,
  ]
  const environment = { ...inherited(), ...env, GREENROOM_LEASH: '3' }
  return startChild(
    process.execPath,
    args,
    environment,
    join(dir, `${command}.log`),
    /Greenroom (listens|works)/,
  )
}

/** Starts a `redis-server` on a free port, writing its log to disk every second; null where it is not installed. */
export async function startRedis(dir: string): Promise<(Child & { url: string }) | null> {
  const port = await freePort()
  const persistence = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--dir', dir]
  const args = ['--bind', '127.0.0.1', '--port', `${port}`, ...persistence]
  try {
    const child = await startChild(
      'redis-server',
      args,
      inherited(),
      join(dir, 'redis.log'),
      /Ready to accept/,
    )
    return { ...child, url: `redis://127.0.0.1:${port}` }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** What a process occupies now, and the most it ever did, in MB (Linux only; NaN elsewhere). */
export function memoryOf(pid: number): { nowMb: number; peakMb: number } {
  const status = process.platform === 'linux' ? readFileSync(`/proc/${pid}/status`, 'utf8') : ''
  const read = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
  return { nowMb: read('VmRSS'), peakMb: read('VmHWM') }
}

/**
 * Processor time in ms that a process has taken so far, its children that have ended included; 0 once it has ended
 * itself, for then its parent's count has it (Linux only; NaN elsewhere).
 */
export function processorMsOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return 0
  const fields = readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return ticks * msPerTick
}

/** A process, and those that it has started and that still run (Linux only; itself alone elsewhere). */
export function familyOf(pid: number): number[] {
  if (process.platform !== 'linux') return [pid]
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return [pid, ...(children === '' ? [] : children.split(' ').map(Number))]
}

/** The process that started another one (Linux only; NaN elsewhere). */
export function parentOf(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])
}

function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'NODE_OPTIONS']
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}

async function startChild(
  program: string,
  args: string[],
  env: Record<string, string>,
  logFile: string,
  ready: RegExp,
): Promise<Child> {
  const output = openSync(logFile, 'w')
  // A group of its own, so that a Ctrl-C reaches it through us only; the pipe is the leash.
  const child = spawn(program, args, { env, detached: true, stdio: ['ignore', output, output, 'pipe'] })
  const ended = new Promise<Error>((done) => {
    child.once('error', done)
    child.once('exit', (code) =>
      done(new Error(`${program} ended with ${code}:\n${readFileSync(logFile, 'utf8')}`)),
    )
  })
  let fault: Error | undefined
  void ended.then((error) => {
    fault = error
  })
  const deadline = Date.now() + readyMs
  while (!ready.test(readFileSync(logFile, 'utf8'))) {
    if (fault !== undefined) throw fault
    if (Date.now() > deadline) throw new Error(`${program} was not ready in ${readyMs} ms; see ${logFile}`)
    await sleep(20)
  }
  return {
    pid: child.pid ?? 0,
    log: () => readFileSync(logFile, 'utf8'),
    stop: async () => {
      child.kill('SIGTERM')
      const late = new AbortController()
      await Promise.race([
        ended,
        sleep(stopMs, null, { signal: late.signal }).then(() => child.kill('SIGKILL')),
      ])
      late.abort()
    },
  }
}
