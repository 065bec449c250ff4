import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { Database } from './database.ts'
import { prepared } from './prepared.ts'
import type { RegisteredModelTable } from './schema.ts'

/**
 * A registered model whose row this transaction has locked: the evidence that functions which change its
 * versions or its history ask for. Valid only inside the transaction that made it. `lastSeq` and
 * `lastHash` follow the history as rows are added.
 */
export type LockedModel = {
  id: number
  name: string
  nextVersion: number
  lastSeq: number
  lastHash: string
  /** Whether there was any webhook to tell once it was locked. */
  hasListeners: boolean
}

const lockedColumns = [
  'id',
  'name',
  'next_version as nextVersion',
  'last_seq as lastSeq',
  'last_hash as lastHash',
] as const

/** Locks a registered model until the transaction ends. Throws NotFoundError when there is none. */
export async function lockModel(trx: Transaction<Database>, name: string): Promise<LockedModel> {
  const model = await lockIfExists(trx, name)
  if (model === undefined) throw new NotFoundError(`There is no registered model named "${name}".`)
  return model
}

/** Locks a model by its id, even one that was deleted since, until the transaction ends; undefined when there never was one. */
export function lockFormerModel(trx: Transaction<Database>, id: number): Promise<LockedModel | undefined> {
  const row = trx.selectFrom('every_registered_model').select(lockedColumns).where('id', '=', id).forUpdate()
  return withListeners(trx, row.executeTakeFirst())
}

/** Makes sure that a registered model exists, and locks it until the transaction ends. */
export async function ensureModel(trx: Transaction<Database>, name: string, now: Date): Promise<LockedModel> {
  const existing = await lockIfExists(trx, name)
  if (existing !== undefined) return existing
  // Where another transaction was first, its row is there by now.
  return (await insertModel(trx, { name, description: null }, now)) ?? lockModel(trx, name)
}

/** Adds a registered model, and so holds its row; undefined when its name is taken. */
export function insertModel(
  trx: Transaction<Database>,
  model: { name: string; description: string | null },
  now: Date,
): Promise<LockedModel | undefined> {
  const row = trx
    .insertInto('registered_model')
    .values({ ...model, created_at: now, updated_at: now })
    .onConflict((conflict) => conflict.column('name').where('deleted_at', 'is', null).doNothing())
    .returning(lockedColumns)
  return withListeners(trx, row.executeTakeFirst())
}

/** Finds a registered model by its name; undefined when there is none. */
export function findModel(
  db: Kysely<Database>,
  name: string,
): Promise<Selectable<RegisteredModelTable> | undefined> {
  return db.selectFrom('registered_model').selectAll().where('name', '=', name).executeTakeFirst()
}

/** {@link lockModel}; undefined when there is none. */
function lockIfExists(trx: Transaction<Database>, name: string): Promise<LockedModel | undefined> {
  return withListeners(
    trx,
    lockByName(trx, { name }).then(({ rows }) => rows[0]),
  )
}

type LockedRow = Omit<LockedModel, 'hasListeners'>

// A statement of its own: the one that waits for a lock sees what was there before it waited.
async function withListeners(
  trx: Transaction<Database>,
  locked: Promise<LockedRow | undefined>,
): Promise<LockedModel | undefined> {
  const [row, { rows }] = await Promise.all([locked, findListener(trx, { status: 'ACTIVE' })])
  return row && { ...row, hasListeners: rows.length > 0 }
}

// With a value, since a statement without any is planned anew each time.
const findListener = prepared((db, { status }: { status: 'ACTIVE' }) =>
  db
    .selectFrom('webhook')
    .select('id')
    .where('status', '=', status)
    .where('deleted_at', 'is', null)
    .limit(sql.lit(1)),
)

const lockByName = prepared((db, { name }: { name: string }) =>
  db.selectFrom('registered_model').select(lockedColumns).where('name', '=', name).forUpdate(),
)
