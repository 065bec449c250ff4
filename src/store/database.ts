import {
  Kysely,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type RawBuilder,
  sql,
} from 'kysely'
import pg from 'pg'
import type { Database } from './schema.ts'

export type { Database } from './schema.ts'

/** What to know of a pool's life from outside. */
export type OpenOptions = {
  url: string
  /** Most connections held at once. */
  size: number
  /** Shown in pg_stat_activity. */
  name: string
  /** Told of every connection that broke, idle or in use; its query rejects besides. *Must not throw.* */
  onConnectionError: (error: Error) => void
  /** How long a statement waits for a lock that somebody else holds; 0: as long as it may run at all. */
  lockTimeoutMs?: number
}

// Thousands of transactions have one model's lock in this time; who waits longer waits for one that hangs, on a
// connection that others need.
const usualLockTimeoutMs = 2_500

// Many calls after a pause must not each wait for a connection to be opened, which takes 30 ms when all are at once.
const idleMs = 60_000

// Beyond this many texts a statement stays unnamed: lists of many lengths must not fill the server's memory.
const mostPrepared = 500

/**
 * Opens a pool of connections; `destroy()` closes it. Connects lazily, so it does not fail here. Statements with
 * parameters are prepared, so a condition that a partial index is made for must be written as a literal: with `sql.lit`, or `raw`.
 */
export function openDatabase(options: OpenOptions): Kysely<Database> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    application_name: options.name,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: idleMs,
    lock_timeout: options.lockTimeoutMs ?? usualLockTimeoutMs,
    // A statement that hangs must not hold a model's lock for ever.
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 15_000,
    // A server that vanished without a word ends no statement; this does.
    query_timeout: 20_000,
    keepAlive: true,
    // Statements that are asked for at once are sent at once, in that order, and do not wait for each other's answers.
    pipeline: true,
    types,
  })
  pool.on('error', () => {})
  // The pool listens to idle connections only; the loss of one in use would otherwise end the process.
  pool.on('connect', (client) => void client.on('error', options.onConnectionError))
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: preparing(pool) }) })
}

/** The pool as Kysely uses it, but each connection has a statement parsed once and names it from then on. */
function preparing(pool: pg.Pool): PostgresPool {
  const names = new Map<string, string>()
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text)
    if (known !== undefined || names.size >= mostPrepared) return known
    const name = `greenroom_${names.size}`
    names.set(text, name)
    return name
  }
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => preparingClient(await pool.connect(), nameOf),
  }
}

function preparingClient(
  client: pg.PoolClient,
  nameOf: (text: string) => string | undefined,
): PostgresPoolClient {
  let isSpoilt = false
  let failure: unknown
  const hold = holdBack(client)
  const query = async (text: string, values: unknown[]) => {
    hold()
    const name = values.length === 0 ? undefined : nameOf(text)
    try {
      return await send(client, text, values, name)
    } catch (error) {
      // A migration changed a table that this connection has prepared statements for, or it leads to a server that is no
      // longer the primary, or a transaction is left open.
      isSpoilt ||= spoiling.has(codeOf(error) ?? '') || text === 'rollback'
      // What stands behind a statement that failed is told no more than that one did, and may be heard of first.
      if (codeOf(error) !== behindFailure) failure = error
      throw failure ?? error
    }
  }
  const release = (destroy?: boolean) => client.release(destroy || isSpoilt)
  // Kysely also knows cursors, which Greenroom does not use.
  return { query, release } as unknown as PostgresPoolClient
}

/** Sends a statement. As a query of the driver's own, for it takes longer to copy a description of one than to send it. */
function send(
  client: pg.PoolClient,
  text: string,
  values: unknown[],
  name: string | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = new pg.Query(text, values, (error, result) => (error ? reject(error) : resolve(result)))
    client.query(Object.assign(query, { name }))
  })
}

/** Has all that is sent in one turn of the event loop leave in one write, which costs as much as a statement. */
function holdBack({ connection: { stream } }: pg.PoolClient): () => void {
  let isHolding = false
  return () => {
    if (isHolding) return
    isHolding = true
    stream.cork()
    setImmediate(() => {
      isHolding = false
      stream.uncork()
    })
  }
}

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.TIMESTAMPTZ && format !== 'binary'
      ? readTime
      : pg.types.getTypeParser(oid, format),
}

const readAnyTime: (text: string) => unknown = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ)

/**
 * A time as PostgreSQL writes it. In UTC it needs little to be of the form that every engine reads in a moment, which is
 * not so of the driver's own reader; that has the rest, such as times before Christ. *Pure.*
 */
export function readTime(text: string): unknown {
  return text.endsWith('+00') && text[4] === '-' && text[10] === ' '
    ? new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`)
    : readAnyTime(text)
}

const outdatedPlan = '0A000'
const readOnly = '25006'
const spoiling = new Set([outdatedPlan, readOnly])
const behindFailure = '25P02'

/** A value for a jsonb column; arrays too, which the driver would otherwise send as SQL arrays. *Pure.* */
export function json(value: unknown): RawBuilder<unknown> {
  return sql`${JSON.stringify(value)}::jsonb`
}

/** Tells whether an error means that the database cannot be reached or is going away, so that trying later helps. *Pure.* */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  if (code === undefined) return driversWords.test(error.message)
  // No socket of a server on this machine. Without the call, it is any file.
  if (code === 'ENOENT') return (error as NodeJS.ErrnoException).syscall === 'connect'
  return code.startsWith('08') || code.startsWith('57P') || code.startsWith('53') || transientCodes.has(code)
}

/** Tells whether an error is the violation of the named unique index or key. *Pure.* */
export function violates(error: unknown, constraint: string): boolean {
  return codeOf(error) === '23505' && (error as { constraint?: unknown }).constraint === constraint
}

// What the driver says of connections that are lost, are not to be had in time, or are closed already.
const driversWords =
  /timeout exceeded when trying to connect|timeout expired|[Cc]onnection terminated|is not queryable|Query read timeout|Cannot use a pool after calling end/

// 25006: the server takes no writes any more, for another one has taken over.
// 40001 and 40P01: lost to another transaction; 55P03, 57014 and 25P03: a lock or the server took too long.
const transientCodes = new Set([
  outdatedPlan,
  '40001',
  '40P01',
  readOnly,
  '55P03',
  '57014',
  '25P03',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EAI_AGAIN',
])

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
