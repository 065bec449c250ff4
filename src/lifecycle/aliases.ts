import type { Kysely } from 'kysely'
import { findAlias } from '../store/aliases.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { lockModel } from '../store/models.ts'
import { inTransaction } from '../store/transaction.ts'
import { loadVersion, type VersionRef } from '../store/versions.ts'
import { dropAlias, pointAlias } from './alias-changes.ts'
import type { Answerer } from './answer.ts'
import type { LifecycleDeps } from './deps.ts'
import { isProtectedAlias } from './protected-aliases.ts'
import { publish } from './publish.ts'
import { transitionStage, type Withheld } from './transition.ts'

export type AliasOutcome = { kind: 'done' } | Withheld

/**
 * Has an alias name a version, whichever it named before. A protected alias names what is in Production: asked for on
 * another version, it is a wish for that version's promotion, and given once that is done. Throws NotFoundError.
 */
export async function setAlias(
  db: Kysely<Database>,
  ref: VersionRef,
  alias: string,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<AliasOutcome> {
  const given = await giveAlias(db, ref, alias, by, deps)
  if (given) return { kind: 'done' }
  const promoted = await transitionStage(
    db,
    ref,
    { to: 'Production', archiveExisting: false },
    from,
    by,
    deps,
  )
  if (promoted.kind !== 'moved') return promoted
  if (await giveAlias(db, ref, alias, by, deps)) return { kind: 'done' }
  return { kind: 'refused', why: `Version ${ref.version} has left Production in the meantime.` }
}

/** False, and nothing has changed: the alias is protected, and the version is not in Production. */
function giveAlias(
  db: Kysely<Database>,
  ref: VersionRef,
  alias: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<boolean> {
  return inTransaction(db, async (trx): Promise<boolean> => {
    const model = await lockModel(trx, ref.name)
    const version = await loadVersion(trx, model, ref.version)
    if (isProtectedAlias(deps.policy, model.name, alias) && version.stage !== 'Production') return false
    await pointAlias(trx, model, alias, version, await findAlias(trx, model, alias), by, deps)
    return true
  })
}

/** Takes an alias away; a protected one only an approver may take. *Idempotent.* Throws NotFoundError when there is no such model. */
export function removeAlias(
  db: Kysely<Database>,
  name: string,
  alias: string,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<AliasOutcome> {
  return inTransaction(db, async (trx): Promise<AliasOutcome> => {
    const model = await lockModel(trx, name)
    const before = await findAlias(trx, model, alias)
    if (before === null) {
      await publish(trx, model, { kind: 'aliasDeleted', alias }, by, deps.now()) // as MLflow does, and as of tags
      return { kind: 'done' }
    }
    if (isProtectedAlias(deps.policy, model.name, alias) && !from.mayApprove)
      return {
        kind: 'forbidden',
        why: `The alias "${alias}" is protected; only an approver may take it away.`,
      }
    await dropAlias(trx, model, alias, await loadVersion(trx, model, before), by, deps)
    return { kind: 'done' }
  })
}
