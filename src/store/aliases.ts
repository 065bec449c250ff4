import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'
import { type RegistryVersion, versionColumns } from './registry-records.ts'

/** The version that an alias of a model names; null when there is no such alias. */
export async function findAlias(
  trx: Transaction<Database>,
  model: LockedModel,
  alias: string,
): Promise<number | null> {
  const row = await trx
    .selectFrom('registered_model_alias')
    .select('version')
    .where('model_id', '=', model.id)
    .where('alias', '=', alias)
    .executeTakeFirst()
  return row?.version ?? null
}

/** The aliases that name a version, in the order of their names. */
export async function listAliasesOf(
  trx: Transaction<Database>,
  { model_id, version }: { model_id: number; version: number },
): Promise<string[]> {
  const rows = await trx
    .selectFrom('registered_model_alias')
    .select('alias')
    .where('model_id', '=', model_id)
    .where('version', '=', version)
    .orderBy('alias')
    .execute()
  return rows.map(({ alias }) => alias)
}

/** Has an alias name a version, whichever it named before. */
export async function saveAlias(
  trx: Transaction<Database>,
  model: LockedModel,
  alias: string,
  version: number,
): Promise<void> {
  await trx
    .insertInto('registered_model_alias')
    .values({ model_id: model.id, alias, version })
    .onConflict((conflict) => conflict.columns(['model_id', 'alias']).doUpdateSet({ version }))
    .execute()
}

/** Takes an alias away. *Idempotent.* */
export async function deleteAlias(
  trx: Transaction<Database>,
  model: LockedModel,
  alias: string,
): Promise<void> {
  await trx
    .deleteFrom('registered_model_alias')
    .where('model_id', '=', model.id)
    .where('alias', '=', alias)
    .execute()
}

/** The version that an alias of a model names, with all that is told of it; undefined when there is no such alias. */
export async function findAliasedVersion(
  db: Kysely<Database>,
  name: string,
  alias: string,
): Promise<RegistryVersion | undefined> {
  const { rows } = await sql<RegistryVersion>`
    select ${sql.raw(versionColumns)}
    from registered_model m
    join registered_model_alias named on named.model_id = m.id
    join model_version v on v.model_id = m.id and v.version = named.version
    where m.name = ${name} and named.alias = ${alias}`.execute(db)
  return rows[0]
}
