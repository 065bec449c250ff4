import type { Transaction } from 'kysely'
import { isIn } from './commands.ts'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'

/** The index that keeps names apart; a rename onto one that is taken violates it. */
export const modelNameIndex = 'registered_model_name'

/**
 * Gives a locked model another name, wherever it is known by its name. Its commands that are under way are put back:
 * whoever works on one would end it under the old name, which may be another model's by then.
 */
export async function saveModelName(
  trx: Transaction<Database>,
  model: LockedModel,
  name: string,
  now: Date,
): Promise<void> {
  await trx
    .updateTable('registered_model')
    .set({ name, updated_at: now })
    .where('id', '=', model.id)
    .execute()
  await trx.updateTable('model_version').set({ updated_at: now }).where('model_id', '=', model.id).execute()
  await trx
    .updateTable('command')
    .set({ model: name, status: 'pending', lease_until: null })
    .where('model', '=', model.name)
    .where(isIn('pending', 'queued', 'running'))
    .execute()
  await trx.updateTable('delivery').set({ model: name }).where('model', '=', model.name).execute()
  model.name = name
}
