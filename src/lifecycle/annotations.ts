// What people say of models and versions: descriptions and tags. None of it is a place in the lifecycle, so none of
// it stands in the history.
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../store/database.ts'
import { saveModelDescription, saveVersionDescription } from '../store/descriptions.ts'
import { lockModel } from '../store/models.ts'
import { deleteModelTag, deleteVersionTag, saveModelTags, saveVersionTag } from '../store/tags.ts'
import { findTaggedVersion, loadVersion, type VersionRef, type VersionRow } from '../store/versions.ts'

/** Describes a model. Throws NotFoundError, as everything here does. */
export function describeModel(
  db: Kysely<Database>,
  name: string,
  description: string,
  now: Date,
): Promise<void> {
  return db
    .transaction()
    .execute(async (trx) => saveModelDescription(trx, await lockModel(trx, name), description, now))
}

/** Describes a version; null takes its description away. */
export function describeVersion(
  db: Kysely<Database>,
  ref: VersionRef,
  description: string | null,
  now: Date,
): Promise<void> {
  return onVersion(db, ref, (trx, version) => saveVersionDescription(trx, version, description, now))
}

/** Sets a tag of a model. */
export function tagModel(db: Kysely<Database>, name: string, key: string, value: string): Promise<void> {
  return db
    .transaction()
    .execute(async (trx) => saveModelTags(trx, await lockModel(trx, name), { [key]: value }))
}

/** Takes a tag off a model. *Idempotent.* */
export function untagModel(db: Kysely<Database>, name: string, key: string): Promise<void> {
  return db.transaction().execute(async (trx) => deleteModelTag(trx, await lockModel(trx, name), key))
}

/** Sets a tag of a version. */
export function tagVersion(db: Kysely<Database>, ref: VersionRef, key: string, value: string): Promise<void> {
  return onVersion(db, ref, (trx, version) => saveVersionTag(trx, version, key, value))
}

/** Sets a tag of a version that does not have it; what somebody said stays. *Idempotent.* Nothing where there is no such version. */
export async function noteTag(
  trx: Transaction<Database>,
  ref: VersionRef,
  key: string,
  value: string,
): Promise<void> {
  const version = await findTaggedVersion(trx, ref)
  if (version !== undefined && !Object.hasOwn(version.tags, key))
    await saveVersionTag(trx, version, key, value)
}

/** Takes a tag off a version. *Idempotent.* */
export function untagVersion(db: Kysely<Database>, ref: VersionRef, key: string): Promise<void> {
  return onVersion(db, ref, (trx, version) => deleteVersionTag(trx, version, key))
}

function onVersion(
  db: Kysely<Database>,
  ref: VersionRef,
  change: (trx: Transaction<Database>, version: VersionRow) => Promise<void>,
): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const model = await lockModel(trx, ref.name)
    await change(trx, await loadVersion(trx, model, ref.version))
  })
}
