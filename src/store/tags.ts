import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'
import type { VersionRow } from './versions.ts'

/** Sets tags of a model, each in place of what stood under its key. */
export async function saveModelTags(
  trx: Transaction<Database>,
  model: LockedModel,
  tags: Record<string, string>,
): Promise<void> {
  // As arrays, so that one statement serves any number of tags.
  await sql`
    insert into registered_model_tag (model_id, key, value)
    select ${model.id}, key, value from unnest(${Object.keys(tags)}::text[], ${Object.values(tags)}::text[]) as tag (key, value)
    on conflict (model_id, key) do update set value = excluded.value`.execute(trx)
}

/** The value of a model's tag; null when it has none of that key. */
export async function findModelTag(
  trx: Transaction<Database>,
  modelId: number,
  key: string,
): Promise<string | null> {
  const row = await trx
    .selectFrom('registered_model_tag')
    .select('value')
    .where('model_id', '=', modelId)
    .where('key', '=', key)
    .executeTakeFirst()
  return row?.value ?? null
}

/** Takes a tag off a model. *Idempotent.* */
export async function deleteModelTag(
  trx: Transaction<Database>,
  model: LockedModel,
  key: string,
): Promise<void> {
  await trx
    .deleteFrom('registered_model_tag')
    .where('model_id', '=', model.id)
    .where('key', '=', key)
    .execute()
}

/** Sets a tag of a version, in place of what stood under its key. */
export async function saveVersionTag(
  trx: Transaction<Database>,
  { model_id, version }: VersionRow,
  key: string,
  value: string,
): Promise<void> {
  await trx
    .insertInto('model_version_tag')
    .values({ model_id, version, key, value })
    .onConflict((conflict) => conflict.columns(['model_id', 'version', 'key']).doUpdateSet({ value }))
    .execute()
}

/** Takes a tag off a version. *Idempotent.* */
export async function deleteVersionTag(
  trx: Transaction<Database>,
  { model_id, version }: VersionRow,
  key: string,
): Promise<void> {
  await trx
    .deleteFrom('model_version_tag')
    .where('model_id', '=', model_id)
    .where('version', '=', version)
    .where('key', '=', key)
    .execute()
}

/** A version's tags. */
export async function listTags(
  db: Kysely<Database>,
  modelId: number,
  version: number,
): Promise<Record<string, string>> {
  const rows = await db
    .selectFrom('model_version_tag')
    .select(['key', 'value'])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .orderBy('key')
    .execute()
  return Object.fromEntries(rows.map((row) => [row.key, row.value]))
}
