import type { Kysely, Selectable, Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { Database } from './database.ts'
import type { RegisteredModelTable } from './schema.ts'

/**
 * A registered model whose row this transaction has locked: the evidence that functions which change its
 * versions or its history ask for. Valid only inside the transaction that made it. `lastSeq` and
 * `lastHash` follow the history as rows are added.
 */
export type LockedModel = { id: number; name: string; nextVersion: number; lastSeq: number; lastHash: string }

/** Locks a registered model until the transaction ends. Throws NotFoundError when there is none. */
export async function lockModel(trx: Transaction<Database>, name: string): Promise<LockedModel> {
  const row = await trx
    .selectFrom('registered_model')
    .selectAll()
    .where('name', '=', name)
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`There is no registered model named "${name}".`)
  return asLocked(row)
}

/** Makes sure that a registered model exists, and locks it until the transaction ends. */
export async function ensureModel(trx: Transaction<Database>, name: string, now: Date): Promise<LockedModel> {
  await trx
    .insertInto('registered_model')
    .values({ name, created_at: now, updated_at: now })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
  return lockModel(trx, name)
}

/** Writes down the next free version number and that the model changed. */
export async function saveModel(trx: Transaction<Database>, model: LockedModel, now: Date): Promise<void> {
  await trx
    .updateTable('registered_model')
    .set({
      next_version: model.nextVersion,
      last_seq: model.lastSeq,
      last_hash: model.lastHash,
      updated_at: now,
    })
    .where('id', '=', model.id)
    .execute()
}

/** Finds a registered model by its name; undefined when there is none. */
export function findModel(
  db: Kysely<Database>,
  name: string,
): Promise<Selectable<RegisteredModelTable> | undefined> {
  return db.selectFrom('registered_model').selectAll().where('name', '=', name).executeTakeFirst()
}

function asLocked(row: Selectable<RegisteredModelTable>): LockedModel {
  return {
    id: row.id,
    name: row.name,
    nextVersion: row.next_version,
    lastSeq: row.last_seq,
    lastHash: row.last_hash,
  }
}
