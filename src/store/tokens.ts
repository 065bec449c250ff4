// Tokens and the browser sessions opened with them. Secrets are never stored: only their hashes are.
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { type Database, json } from './database.ts'
import { prepared } from './prepared.ts'
import type { TokenTable } from './schema.ts'
import { onSharedConnection } from './transaction.ts'

export type TokenRow = Selectable<TokenTable>

/** A token to be stored. `secretHash` is a hash of the whole token; `id` is public. */
export type NewToken = {
  id: string
  secretHash: string
  principal: string
  roles: string[]
  createdBy: string
  createdAt: Date
  expiresAt: Date | null
}

/** Stores a token; false when its id is taken. */
export async function insertToken(db: Kysely<Database>, token: NewToken): Promise<boolean> {
  const result = await db
    .insertInto('token')
    .values({
      id: token.id,
      secret_hash: token.secretHash,
      principal: token.principal,
      roles: json(token.roles),
      created_by: token.createdBy,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** Finds a token by its public id, whether it is still good or not. */
export async function findToken(db: Kysely<Database>, id: string): Promise<TokenRow | undefined> {
  const { rows } = await onSharedConnection(db, (on) => selectToken(on, { id }))
  return rows[0]
}

const selectToken = prepared((db, { id }: { id: string }) =>
  db.selectFrom('token').selectAll().where('id', '=', id),
)

/** All tokens, oldest first; at most `limit`. */
export function listTokens(db: Kysely<Database>, limit: number): Promise<TokenRow[]> {
  return db.selectFrom('token').selectAll().orderBy('created_at').orderBy('id').limit(limit).execute()
}

/** Revokes a token, keeping the time of the first revocation; undefined when there is no such token. */
export function revokeToken(db: Kysely<Database>, id: string, now: Date): Promise<TokenRow | undefined> {
  return db
    .updateTable('token')
    .set({ revoked_at: sql<Date>`coalesce(revoked_at, ${now})` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
}

/** Revokes the tokens that somebody has made, but for one. */
export async function revokeOthersBy(
  db: Kysely<Database>,
  createdBy: string,
  keptId: string,
  now: Date,
): Promise<void> {
  await db
    .updateTable('token')
    .set({ revoked_at: now })
    .where('created_by', '=', createdBy)
    .where('id', '!=', keptId)
    .where('revoked_at', 'is', null)
    .execute()
}

/** Keeps others from adding tokens until the transaction ends. */
export async function lockTokens(trx: Transaction<Database>): Promise<void> {
  await sql`lock table token in share row exclusive mode`.execute(trx)
}

/** Tells whether there is a token with the role `admin` that is good at `now`. */
export async function hasAdminToken(db: Kysely<Database>, now: Date): Promise<boolean> {
  const row = await db
    .selectFrom('token')
    .select('id')
    .where(sql<boolean>`roles ? 'admin'`)
    .where('revoked_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Opens a browser session for a token, and drops the sessions that are over. */
export async function insertSession(
  db: Kysely<Database>,
  session: { secretHash: string; tokenId: string; createdAt: Date; expiresAt: Date },
): Promise<void> {
  await db.deleteFrom('session').where('expires_at', '<=', session.createdAt).execute()
  await db
    .insertInto('session')
    .values({
      secret_hash: session.secretHash,
      token_id: session.tokenId,
      created_at: session.createdAt,
      expires_at: session.expiresAt,
    })
    .execute()
}

/** Finds the token behind a session that is not over at `now`; the token itself may be good or not. */
export function findSessionToken(
  db: Kysely<Database>,
  secretHash: string,
  now: Date,
): Promise<TokenRow | undefined> {
  return db
    .selectFrom('session')
    .innerJoin('token', 'token.id', 'session.token_id')
    .selectAll('token')
    .where('session.secret_hash', '=', secretHash)
    .where('session.expires_at', '>', now)
    .executeTakeFirst()
}

/** Ends a session. *Idempotent.* */
export async function deleteSession(db: Kysely<Database>, secretHash: string): Promise<void> {
  await db.deleteFrom('session').where('secret_hash', '=', secretHash).execute()
}
