import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTestDatabase } from '../helpers/database.ts'

const entry = resolve(import.meta.dirname, '../../src/cli/main.ts')

/** How one run of the command line ended. */
export type Ended = { code: number | null; stdout: string; stderr: string }

/** Variables for a run; nothing of the environment of the tests is passed on but where programs are. */
export type Env = Record<string, string>

/** Where and how a command line is run. */
export type Where = { cwd: string; env?: Env; nodeArgs?: string[]; input?: Readable }

/** A command line that runs. `output` is what it wrote to stdout so far. */
export type RunningCli = {
  child: ChildProcess
  ended: Promise<Ended>
  output(): string
  /** Resolves to the first match in what it writes to stdout; rejects when it ends before. */
  wrote(pattern: RegExp): Promise<RegExpExecArray>
}

/** Starts the real command line as a process of its own, with nothing but `input` on its stdin, and no terminal. */
export function startCli(args: string[], { cwd, env = {}, nodeArgs = [], input }: Where): RunningCli {
  const child = spawn(process.execPath, [...nodeArgs, entry, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', TMPDIR: tmpdir(), TZ: 'UTC', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // It may end before it has read everything.
  child.stdin.on('error', () => {})
  ;(input ?? Readable.from([])).pipe(child.stdin)
  const written = { stdout: '', stderr: '' }
  const watchers = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text
      for (const look of watchers) look()
    })
  const ended = new Promise<Ended>((done) => child.once('close', (code) => done({ code, ...written })))
  return {
    child,
    ended,
    output: () => written.stdout,
    wrote: (pattern) =>
      new Promise((found, fail) => {
        const look = () => {
          const match = pattern.exec(written.stdout)
          if (match === null) return
          watchers.delete(look)
          found(match)
        }
        watchers.add(look)
        look()
        void ended.then((end) =>
          fail(new Error(`it ended before it wrote ${pattern}: ${JSON.stringify(end)}`)),
        )
      }),
  }
}

/** Runs the real command line to its end. */
export function runCli(args: string[], where: Where): Promise<Ended> {
  return startCli(args, where).ended
}

/** A folder of a test's own with a policy in it, and a database; what `serve` and `work` need. */
export type Place = { cwd: string; env: Env; close(): Promise<void> }

/** Makes a place. `policy` is the text of its greenroom.yaml. */
export async function makePlace(policy: string): Promise<Place> {
  const [cwd, database] = await Promise.all([mkdtemp(join(tmpdir(), 'greenroom-cli-')), openTestDatabase()])
  await writeFile(join(cwd, 'greenroom.yaml'), policy)
  return {
    cwd,
    env: { DATABASE_URL: database.url, PORT: '0' },
    close: async () => {
      await database.close()
      await rm(cwd, { recursive: true, force: true })
    },
  }
}

/** A server of a test's own, and the command line as its user would run it, in its folder. */
export type TestServer = {
  url: string
  process: RunningCli
  place: Place
  /** Runs a command as the admin, or with what `env` says. */
  greenroom(args: string[], env?: Env): Promise<Ended>
  /** Starts a command without waiting for its end. */
  begin(args: string[], env?: Env, input?: Readable): RunningCli
  /** Runs a command with `--json`, which must not fail, and gives its document. */
  json<T>(args: string[], env?: Env): Promise<T>
  /** Makes tokens through the API; each is named like its holder. Gives the variables to run a command with. */
  tokens<Name extends string>(roles: Record<Name, string>): Promise<Record<Name, Env>>
  /** Registers a version through the API and waits until its checks have ended. */
  stage(name: string, score: number, more?: Record<string, unknown>): Promise<void>
  close(): Promise<void>
}

/** Starts `greenroom serve` with these arguments. */
export async function startServer(policy: string, args: string[] = [], env: Env = {}): Promise<TestServer> {
  const place = await makePlace(policy)
  const running = startCli(['serve', ...args], { cwd: place.cwd, env: { ...place.env, ...env } })
  const [, url = ''] = await running.wrote(/Greenroom listens at (http:[^\s,"]+\d)/)
  const begin = (commandLine: string[], more: Env = {}, input?: Readable) =>
    startCli(commandLine, { cwd: place.cwd, env: { GREENROOM_URL: url, ...more }, ...(input && { input }) })
  return {
    url,
    process: running,
    place,
    begin,
    greenroom: (commandLine, more) => begin(commandLine, more).ended,
    json: async (commandLine, more) => {
      const { code, stdout, stderr } = await begin([...commandLine, '--json'], more).ended
      if (code !== 0) throw new Error(`${commandLine.join(' ')} ended with ${code}: ${stdout}${stderr}`)
      return JSON.parse(stdout)
    },
    tokens: async (roles) => {
      const entries = Object.entries(roles).map(async ([name, role]) => {
        const made = await callApi(place, url, 'tokens', { name, roles: [role] })
        return [name, { GREENROOM_TOKEN: String(made.token) }] as const
      })
      return Object.fromEntries(await Promise.all(entries)) as never
    },
    stage: async (name, score, { metrics = {}, ...more } = {}) => {
      const path = `models/${encodeURIComponent(name)}/versions`
      const body = { source: 's', metrics: { score, ...(metrics as object) }, ...more }
      const { version } = await callApi(place, url, path, body)
      const state = async () => (await callApi(place, url, `${path}/${version}`)).state
      while (['validating', 'testing'].includes(String(await state()))) await sleep(20)
    },
    close: async () => {
      running.child.kill('SIGTERM')
      await running.ended
      await place.close()
    },
  }
}

async function callApi(
  place: Place,
  url: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const token = await readFile(join(place.cwd, '.greenroom/admin-token'), 'utf8')
  const headers = { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/json' }
  const init = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(`${url}/api/v1/${path}`, init)
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`)
  return (await response.json()) as Record<string, unknown>
}

/** A policy in which the metric `score` alone decides; models whose names begin with `free-` have no gate. */
export const scorePolicy = `
people:
  alice: { slack: U0ALICE }
  bob: { slack: U0BOB }
defaults:
  validate: [ { metrics: { score: { min: 0.5 } } } ]
  test: []
  approval: { approvers: [alice, bob], quorum: 1 }
models:
  free-bare: { gate: none, validate: [] }
  'free-*': { gate: none }
  'pair-*': { approval: { quorum: 2 } }
`
