import type { Kysely } from 'kysely'
import { type Database, violates } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import { lockModel } from '../store/models.ts'
import { modelNameIndex, saveModelName } from '../store/renaming.ts'
import { inTransaction } from '../store/transaction.ts'
import type { LifecycleDeps } from './deps.ts'
import type { Withheld } from './transition.ts'

export type RenameOutcome =
  | { kind: 'renamed' }
  /** Another model has that name. */
  | { kind: 'taken' }
  | Withheld

/**
 * Gives a model another name; its versions, tags, aliases and history stay with it. A name that stands under other
 * rules is refused once there are versions, for they would be where those rules never let them (V3). Throws NotFoundError.
 */
export async function renameModel(
  db: Kysely<Database>,
  name: string,
  newName: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RenameOutcome> {
  const now = deps.now()
  try {
    return await inTransaction(db, async (trx): Promise<RenameOutcome> => {
      const model = await lockModel(trx, name)
      if (model.nextVersion > 1 && !haveSameRules(name, newName, deps))
        return {
          kind: 'refused',
          why: `The policy has other rules for "${newName}" than for "${name}"; copy the versions there instead, so that they are checked by those.`,
        }
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

function haveSameRules(one: string, other: string, { policy }: LifecycleDeps): boolean {
  const [here, there] = [policy.rulesFor(one), policy.rulesFor(other)]
  const isProtected = new Set(here.rules.protectedAliases)
  return here.hash === there.hash && there.rules.protectedAliases.every((alias) => isProtected.has(alias))
}
