// What every change of an alias is made of, whoever makes it: its row, its place in the history, and what others are
// told.
import type { Transaction } from 'kysely'
import { deleteAlias, saveAlias } from '../store/aliases.ts'
import type { Database } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import type { LockedModel } from '../store/models.ts'
import type { VersionRow } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'
import { publish } from './publish.ts'

/** Has an alias name a version; `before` is the one that it named until now. */
export async function pointAlias(
  trx: Transaction<Database>,
  model: LockedModel,
  alias: string,
  version: VersionRow,
  before: number | null,
  by: Actor,
  { now }: Pick<LifecycleDeps, 'now'>,
  reason: string | null = null,
): Promise<void> {
  const entry = { version: version.version, type: 'aliasSet', from: version, to: version, reason } as const
  await Promise.all([
    saveAlias(trx, model, alias, version.version),
    recordEvent(trx, model, { ...entry, detail: { alias, before }, unnoticed: true }, by, now()),
    publish(trx, model, { kind: 'aliasSet', alias, version: version.version }, by, now()),
  ])
}

/** Takes an alias off the version that it names. */
export async function dropAlias(
  trx: Transaction<Database>,
  model: LockedModel,
  alias: string,
  version: VersionRow,
  by: Actor,
  { now }: Pick<LifecycleDeps, 'now'>,
  reason: string | null = null,
): Promise<void> {
  const entry = {
    version: version.version,
    type: 'aliasRemoved',
    from: version,
    to: version,
    reason,
  } as const
  await Promise.all([
    deleteAlias(trx, model, alias),
    recordEvent(trx, model, { ...entry, detail: { alias }, unnoticed: true }, by, now()),
    publish(trx, model, { kind: 'aliasDeleted', alias }, by, now()),
  ])
}
