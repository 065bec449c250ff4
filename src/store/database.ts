import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely'
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
  /** Told of every connection that PostgreSQL ended while it was idle. *Must not throw.* */
  onIdleError: (error: Error) => void
}

/** Opens a pool of connections; `destroy()` closes it. Connects lazily, so it does not fail here. */
export function openDatabase(options: OpenOptions): Kysely<Database> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    application_name: options.name,
    connectionTimeoutMillis: 5_000,
    // A statement that hangs must not hold a model's lock for ever.
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 15_000,
  })
  pool.on('error', options.onIdleError)
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}

/** A value for a jsonb column; arrays too, which the driver would otherwise send as SQL arrays. *Pure.* */
export function json(value: unknown): RawBuilder<unknown> {
  return sql`${JSON.stringify(value)}::jsonb`
}

/** Tells whether an error means that the database cannot be reached or is going away, so that trying later helps. *Pure.* */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined)
    return (
      error instanceof Error &&
      /timeout exceeded when trying to connect|Connection terminated/.test(error.message)
    )
  return code.startsWith('08') || code.startsWith('57P') || code.startsWith('53') || socketCodes.has(code)
}

/** Tells whether an error is the violation of the named unique index or key. *Pure.* */
export function violates(error: unknown, constraint: string): boolean {
  return codeOf(error) === '23505' && (error as { constraint?: unknown }).constraint === constraint
}

const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOENT',
])

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
