// What people say of models and versions: descriptions and tags. None of it is a place in the lifecycle, so none of
// it stands in the history.
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../store/database.ts'
import { saveModelDescription, saveVersionDescription } from '../store/descriptions.ts'
import type { Actor } from '../store/events.ts'
import { type LockedModel, lockModel } from '../store/models.ts'
import { deleteModelTag, deleteVersionTag, saveModelTags, saveVersionTag } from '../store/tags.ts'
import { inTransaction } from '../store/transaction.ts'
import {
  findTaggedVersion,
  findVersion,
  loadVersion,
  saveLearned,
  type VersionRef,
  type VersionRow,
} from '../store/versions.ts'
import { publish } from './publish.ts'

/** Describes a model. Throws NotFoundError, as everything here does. */
export function describeModel(
  db: Kysely<Database>,
  name: string,
  description: string,
  now: Date,
): Promise<void> {
  return inTransaction(db, async (trx) =>
    saveModelDescription(trx, await lockModel(trx, name), description, now),
  )
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
export function tagModel(
  db: Kysely<Database>,
  name: string,
  tag: { key: string; value: string },
  by: Actor,
  now: Date,
): Promise<void> {
  return inTransaction(db, async (trx) => {
    const model = await lockModel(trx, name)
    await saveModelTags(trx, model, { [tag.key]: tag.value })
    await publish(trx, model, { kind: 'modelTagSet', ...tag }, by, now)
  })
}

/** Takes a tag off a model. *Idempotent.* */
export function untagModel(
  db: Kysely<Database>,
  name: string,
  key: string,
  by: Actor,
  now: Date,
): Promise<void> {
  return inTransaction(db, async (trx) => {
    const model = await lockModel(trx, name)
    // Before, for it may be the tag that makes a prompt of the model.
    await publish(trx, model, { kind: 'modelTagDeleted', key }, by, now)
    await deleteModelTag(trx, model, key)
  })
}

/** Sets a tag of a version. */
export function tagVersion(
  db: Kysely<Database>,
  ref: VersionRef,
  tag: { key: string; value: string },
  by: Actor,
  now: Date,
): Promise<void> {
  return onVersion(db, ref, async (trx, version, model) => {
    await Promise.all([
      saveVersionTag(trx, version, tag.key, tag.value),
      publish(trx, model, { kind: 'versionTagSet', version: ref.version, ...tag }, by, now),
    ])
  })
}

/** Sets a tag of a version that does not have it; what somebody said stays. *Idempotent.* */
export async function noteTag(
  trx: Transaction<Database>,
  ref: VersionRef,
  tag: { key: string; value: string },
  by: Actor,
  now: Date,
): Promise<void> {
  const model = await lockModel(trx, ref.name)
  const version = await findTaggedVersion(trx, ref)
  if (version === undefined || Object.hasOwn(version.tags, tag.key)) return
  await saveVersionTag(trx, version, tag.key, tag.value)
  await publish(trx, model, { kind: 'versionTagSet', version: ref.version, ...tag }, by, now)
}

/** Says which run made a version of which nobody has said it. *Idempotent.* */
export async function noteRun(trx: Transaction<Database>, ref: VersionRef, runId: string): Promise<void> {
  await lockModel(trx, ref.name)
  const version = await findVersion(trx, ref)
  if (version?.run_id === null) await saveLearned(trx, version, { run_id: runId })
}

/** Takes a tag off a version. *Idempotent.* */
export function untagVersion(
  db: Kysely<Database>,
  ref: VersionRef,
  key: string,
  by: Actor,
  now: Date,
): Promise<void> {
  return onVersion(db, ref, async (trx, version, model) => {
    await Promise.all([
      deleteVersionTag(trx, version, key),
      publish(trx, model, { kind: 'versionTagDeleted', version: ref.version, key }, by, now),
    ])
  })
}

function onVersion(
  db: Kysely<Database>,
  ref: VersionRef,
  change: (trx: Transaction<Database>, version: VersionRow, model: LockedModel) => Promise<void>,
): Promise<void> {
  return inTransaction(db, async (trx) => {
    const model = await lockModel(trx, ref.name)
    await change(trx, await loadVersion(trx, model, ref.version), model)
  })
}
