// What becomes of commands that nobody wants done any more; beside commands.ts, whose invariants hold here too.
import { sql, type Transaction } from 'kysely'
import { isIn } from './commands.ts'
import type { Database } from './database.ts'

const cancelled = {
  status: 'cancelled',
  lease_until: null,
  finished_at: sql<Date>`clock_timestamp()`,
} as const

/** Cancels commands that have not ended. *Idempotent.* */
export async function cancelCommands(trx: Transaction<Database>, ids: string[]): Promise<void> {
  if (ids.length === 0) return
  await trx
    .updateTable('command')
    .set(cancelled)
    .where('id', 'in', ids)
    .where(isIn('pending', 'queued', 'running'))
    .execute()
}

/** Cancels the deadline of a request that has ended. *Idempotent.* */
export async function cancelDeadline(trx: Transaction<Database>, requestId: string): Promise<void> {
  await trx
    .updateTable('command')
    .set(cancelled)
    .where('kind', '=', sql.lit('expireRequest'))
    .where(sql<string>`payload ->> 'requestId'`, '=', requestId)
    .where(isIn('pending', 'queued'))
    .execute()
}

/** Cancels what is still to be looked up about the versions of a model. *Idempotent.* */
export async function cancelLookups(trx: Transaction<Database>, model: string): Promise<void> {
  await trx
    .updateTable('command')
    .set(cancelled)
    .where('model', '=', model)
    .where('kind', '=', sql.lit('readDataset'))
    .where(isIn('pending', 'queued', 'running'))
    .execute()
}
