// What becomes of commands that nobody holds any more; beside commands.ts, whose invariants hold here too.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { daysAgo, fromNow } from './clock.ts'
import { type Attempt, type Dispatched, isIn } from './commands.ts'
import type { Database } from './database.ts'

/** Puts queued commands back that no queue took, as due as they were; not counted as a failure. */
export async function returnUndispatched(db: Kysely<Database>, attempts: Attempt[]): Promise<void> {
  await updateQueued(db, attempts, sql`status = 'pending', lease_until = null`)
}

/** Puts running commands back whose lease is over: their worker died or hangs. Gives how many. */
export async function reclaimAbandoned(db: Kysely<Database>, limit: number): Promise<number> {
  const abandoned = db
    .selectFrom('command')
    .select('id')
    .where('status', '=', sql.lit('running'))
    .where('lease_until', '<', sql<Date>`clock_timestamp()`)
    .limit(limit)
    .forUpdate()
    .skipLocked()
  const result = await db
    .updateTable('command')
    .set({
      status: 'pending',
      lease_until: null,
      failures: sql<number>`failures + 1`,
      last_error: 'the worker died or lost its lease',
      run_at: sql<Date>`clock_timestamp()`,
    })
    .where('id', 'in', abandoned)
    .executeTakeFirst()
  return Number(result.numUpdatedRows)
}

/** Queued commands whose queue lease is over: the queue may have lost them. */
export function listOverdueQueued(db: Kysely<Database>, limit: number): Promise<Dispatched[]> {
  return db
    .selectFrom('command')
    .select(['id', 'attempt', 'kind', 'queue', 'model', 'version'])
    .where('status', '=', sql.lit('queued'))
    .where('lease_until', '<', sql<Date>`clock_timestamp()`)
    .orderBy('lease_until')
    .limit(limit)
    .execute()
}

/** Prolongs the queue lease of commands that the queue still holds. */
export async function prolongQueued(
  db: Kysely<Database>,
  attempts: Attempt[],
  leaseMs: number,
): Promise<void> {
  await updateQueued(db, attempts, sql`lease_until = ${fromNow(leaseMs)}`)
}

/** Forgets commands that ended long ago, so that the ledger stays small. What they led to is kept elsewhere. */
export async function forgetEnded(db: Kysely<Database>, afterDays: number, limit: number): Promise<void> {
  const old = db
    .selectFrom('command')
    .select('id')
    .where(isIn('done', 'cancelled'))
    .where('finished_at', '<', daysAgo(afterDays))
    .orderBy('finished_at')
    .limit(limit)
  await db.deleteFrom('command').where('id', 'in', old).execute()
}

// One statement for all, each row fenced by its attempt (C2).
async function updateQueued(
  db: Kysely<Database>,
  attempts: Attempt[],
  change: RawBuilder<unknown>,
): Promise<void> {
  if (attempts.length === 0) return
  const ids = attempts.map(({ id }) => id)
  const numbers = attempts.map(({ attempt }) => attempt)
  await sql`
    update command set ${change}
    from unnest(${ids}::uuid[], ${numbers}::integer[]) as held (id, attempt)
    where command.id = held.id and command.attempt = held.attempt and command.status = 'queued'`.execute(db)
}
