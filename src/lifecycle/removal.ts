import type { Kysely, Transaction } from 'kysely'
import { cancelLookups } from '../store/cancelled-commands.ts'
import type { Database } from '../store/database.ts'
import { deleteModelRow, deleteVersionRow } from '../store/deletion.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import { type LockedModel, lockModel } from '../store/models.ts'
import { inTransaction } from '../store/transaction.ts'
import {
  findIncumbent,
  listBusyVersions,
  loadVersion,
  type VersionRef,
  type VersionRow,
} from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'
import { applyEffects } from './effects.ts'
import type { Withheld } from './transition.ts'

export type RemovalOutcome = { kind: 'deleted' } | Withheld

/**
 * Deletes a version and its aliases, and ends what is under way for it. Its number is never given again (V11). Behind
 * a gate, what is in Production stays. Throws NotFoundError.
 */
export function deleteVersion(
  db: Kysely<Database>,
  ref: VersionRef,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RemovalOutcome> {
  return inTransaction(db, async (trx): Promise<RemovalOutcome> => {
    const model = await lockModel(trx, ref.name)
    const version = await loadVersion(trx, model, ref.version)
    if (version.stage === 'Production' && isGated(model, deps))
      return { kind: 'refused', why: inProduction(ref.version) }
    await abandonWork(trx, model, version, by, deps)
    const now = deps.now()
    const entry = { version: ref.version, type: 'versionDeleted', from: version, to: null } as const
    await recordEvent(trx, model, entry, by, now)
    await deleteVersionRow(trx, model, version, now)
    return { kind: 'deleted' }
  })
}

/** Deletes a model with all its versions; whoever takes its name begins anew. Throws NotFoundError. */
export function deleteModel(
  db: Kysely<Database>,
  name: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RemovalOutcome> {
  return inTransaction(db, async (trx): Promise<RemovalOutcome> => {
    const model = await lockModel(trx, name)
    const incumbent = await findIncumbent(trx, model.id)
    if (incumbent !== null && isGated(model, deps)) return { kind: 'refused', why: inProduction(incumbent) }
    for (const version of await listBusyVersions(trx, model)) await abandonWork(trx, model, version, by, deps)
    await cancelLookups(trx, model.name) // whoever takes the name is another model
    const now = deps.now()
    await recordEvent(trx, model, { version: null, type: 'modelDeleted', from: null, to: null }, by, now)
    await deleteModelRow(trx, model, now)
    return { kind: 'deleted' }
  })
}

function isGated(model: LockedModel, deps: LifecycleDeps): boolean {
  return deps.policy.rulesFor(model.name).rules.gate !== 'none'
}

function inProduction(version: number): string {
  return `Version ${version} is in Production; promote another version in its place, or archive it, before it is deleted.`
}

// No later result may find a version that is out of sight, and nobody may still be asked about it.
async function abandonWork(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  const { validationId, requestId } = version.lifecycle.context
  if (validationId !== null)
    await applyEffects(trx, model, version, [{ type: 'cancelValidation', validationId }], by, deps)
  if (requestId !== null)
    await applyEffects(trx, model, version, [{ type: 'withdrawRequest', requestId }], by, deps)
}
