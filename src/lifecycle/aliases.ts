import type { Kysely } from 'kysely'
import { deleteAlias, findAlias, saveAlias } from '../store/aliases.ts'
import type { Database } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import { lockModel } from '../store/models.ts'
import { loadVersion, type VersionRef } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'
import type { Withheld } from './transition.ts'

export type AliasOutcome = { kind: 'done' } | Withheld

/** Has an alias name a version, whichever it named before. Throws NotFoundError. */
export function setAlias(
  db: Kysely<Database>,
  ref: VersionRef,
  alias: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<AliasOutcome> {
  return db.transaction().execute(async (trx): Promise<AliasOutcome> => {
    const model = await lockModel(trx, ref.name)
    const version = await loadVersion(trx, model, ref.version)
    const before = await findAlias(trx, model, alias)
    const entry = { version: ref.version, type: 'aliasSet', from: version, to: version } as const
    const detail = { alias, before }
    await Promise.all([
      saveAlias(trx, model, alias, ref.version),
      recordEvent(trx, model, { ...entry, detail, unnoticed: true }, by, deps.now()),
    ])
    return { kind: 'done' }
  })
}

/** Takes an alias away. *Idempotent.* Throws NotFoundError when there is no such model. */
export function removeAlias(
  db: Kysely<Database>,
  name: string,
  alias: string,
  by: Actor,
  deps: LifecycleDeps,
): Promise<AliasOutcome> {
  return db.transaction().execute(async (trx): Promise<AliasOutcome> => {
    const model = await lockModel(trx, name)
    const before = await findAlias(trx, model, alias)
    if (before === null) return { kind: 'done' }
    const version = await loadVersion(trx, model, before)
    await deleteAlias(trx, model, alias)
    const entry = { version: before, type: 'aliasRemoved', from: version, to: version } as const
    await recordEvent(trx, model, { ...entry, detail: { alias }, unnoticed: true }, by, deps.now())
    return { kind: 'done' }
  })
}
