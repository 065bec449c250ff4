import { type Kysely, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { OperatorError } from '../errors.ts'
import { migrations } from './migrations/index.ts'
import type { Database } from './schema.ts'

const bookkeeping = {
  migrationTableName: 'greenroom_migration',
  migrationLockTableName: 'greenroom_migration_lock',
}

/**
 * Brings the database's schema up to this program's, under an advisory lock, and gives the names of the
 * migrations it applied. *Idempotent.* Refuses a database that a newer program has already changed.
 */
export async function migrate(db: Kysely<Database>): Promise<string[]> {
  await refuseNewer(db)
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations }, ...bookkeeping })
  const { error, results } = await migrator.migrateToLatest()
  if (error !== undefined)
    throw explainMigration('The database could not be migrated; nothing was changed', error)
  return (results ?? []).map((result) => result.migrationName)
}

/** Why tables could not be made, for the operator: `what` did not happen, the reason, and what to do. *Pure.* */
export function explainMigration(what: string, cause: unknown): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new OperatorError(`${what}: ${reason}. ${adviceFor((cause as { code?: unknown }).code)}`, { cause })
}

function adviceFor(code: unknown): string {
  switch (code) {
    case '42501':
    case '3F000':
      return 'Give the user in DATABASE_URL the right to create there, or name another user.'
    case '42P07':
    case '42710':
      return "Point DATABASE_URL at a database of Greenroom's own; another program uses this one."
    default:
      return 'LOG_LEVEL=debug shows all of it.'
  }
}

async function refuseNewer(db: Kysely<Database>): Promise<void> {
  const applied = await appliedMigrations(db)
  const unknown = applied.filter((name) => migrations[name] === undefined)
  if (unknown.length === 0) return
  throw new OperatorError(
    `The database is newer than this program: it has ${unknown.join(', ')}, which this program does not know. ` +
      'Start the newer program, or point DATABASE_URL at another database.',
  )
}

async function appliedMigrations(db: Kysely<Database>): Promise<string[]> {
  const table = await sql<{
    found: string | null
  }>`select to_regclass('greenroom_migration')::text as found`.execute(db)
  if (table.rows[0]?.found == null) return []
  const rows = await sql<{ name: string }>`select name from greenroom_migration order by name`.execute(db)
  return rows.rows.map((row) => row.name)
}
