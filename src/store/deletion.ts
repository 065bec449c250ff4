// Taking models and versions out of sight. Their rows stay, for the history, the validations and the numbers that
// must not be given again refer to them; what was said of them is overwritten, in MLflow's words.
import type { Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'
import type { VersionRow } from './versions.ts'

/** Deletes a version of a locked model, and the aliases that name it. */
export async function deleteVersionRow(
  trx: Transaction<Database>,
  model: LockedModel,
  { version }: Pick<VersionRow, 'version'>,
  now: Date,
): Promise<void> {
  await trx
    .deleteFrom('registered_model_alias')
    .where('model_id', '=', model.id)
    .where('version', '=', version)
    .execute()
  await trx
    .updateTable('every_model_version')
    .set(redactedAt(now))
    .where('model_id', '=', model.id)
    .where('version', '=', version)
    .execute()
  await trx
    .updateTable('delivery')
    .set({ model: null, version: null })
    .where('model', '=', model.name)
    .where('version', '=', version)
    .execute()
}

/** Deletes a locked model with all that belongs to it; its name is free again. */
export async function deleteModelRow(
  trx: Transaction<Database>,
  model: LockedModel,
  now: Date,
): Promise<void> {
  await trx.deleteFrom('registered_model_alias').where('model_id', '=', model.id).execute()
  await trx.deleteFrom('registered_model_tag').where('model_id', '=', model.id).execute()
  await trx.deleteFrom('model_version_tag').where('model_id', '=', model.id).execute()
  await trx
    .updateTable('every_model_version')
    .set(redactedAt(now))
    .where('model_id', '=', model.id)
    .where('deleted_at', 'is', null)
    .execute()
  await trx
    .updateTable('every_registered_model')
    .set({ description: null, deleted_at: now })
    .where('id', '=', model.id)
    .execute()
  await trx
    .updateTable('delivery')
    .set({ model: null, version: null })
    .where('model', '=', model.name)
    .execute()
}

function redactedAt(now: Date) {
  return {
    description: null,
    author: null,
    source: 'REDACTED-SOURCE-PATH',
    download_uri: null,
    run_id: 'REDACTED-RUN-ID',
    run_link: 'REDACTED-RUN-LINK',
    // Its place alone in Production is another's to take (V1).
    exclusive: false,
    deleted_at: now,
  }
}
