import type { Kysely } from 'kysely'
import { type Database, violates } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import { lockModel } from '../store/models.ts'
import { modelNameIndex, saveModelName } from '../store/renaming.ts'
import type { LifecycleDeps } from './deps.ts'
import type { Withheld } from './transition.ts'

export type RenameOutcome =
  | { kind: 'renamed' }
  /** Another model has that name. */
  | { kind: 'taken' }
  | Withheld

/** Gives a model another name; its versions, tags, aliases and history stay with it. Throws NotFoundError. */
export async function renameModel(
  db: Kysely<Database>,
  name: string,
  newName: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RenameOutcome> {
  const now = deps.now()
  try {
    return await db.transaction().execute(async (trx): Promise<RenameOutcome> => {
      const model = await lockModel(trx, name)
      await saveModelName(trx, model, newName, now)
      const detail = { from: name, to: newName }
      await recordEvent(
        trx,
        model,
        { version: null, type: 'modelRenamed', from: null, to: null, detail },
        by,
        now,
      )
      return { kind: 'renamed' }
    })
  } catch (error) {
    if (violates(error, modelNameIndex)) return { kind: 'taken' }
    throw error
  }
}
