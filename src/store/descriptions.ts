import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'
import type { VersionRow } from './versions.ts'

/** Writes a model's description. */
export async function saveModelDescription(
  trx: Transaction<Database>,
  model: LockedModel,
  description: string,
  now: Date,
): Promise<void> {
  await trx
    .updateTable('registered_model')
    .set({ description, updated_at: now })
    .where('id', '=', model.id)
    .execute()
}

/** Writes a version's description. */
export async function saveVersionDescription(
  trx: Transaction<Database>,
  { model_id, version }: VersionRow,
  description: string | null,
  now: Date,
): Promise<void> {
  await trx
    .updateTable('model_version')
    .set({ description, updated_at: now })
    .where('model_id', '=', model_id)
    .where('version', '=', version)
    .execute()
}
