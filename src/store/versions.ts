import { type Kysely, type RawBuilder, type Selectable, sql, type Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import { type Lifecycle, stageOf, stateOf } from '../machines/decide.ts'
import { modelVersionMachineVersion, type Stage } from '../machines/model-version.ts'
import type { Database } from './database.ts'
import type { LockedModel } from './models.ts'
import { prepared } from './prepared.ts'
import type { ModelVersionTable } from './schema.ts'
import { readLifecycle } from './snapshots.ts'

/** Names one version of one model. */
export type VersionRef = { name: string; version: number }

/** A version's row, its stored lifecycle read and checked. */
export type VersionRow = Omit<Selectable<ModelVersionTable>, 'lifecycle'> & { lifecycle: Lifecycle }

/** What is known of a version when it is registered. */
export type NewVersion = {
  version: number
  source: string
  runId: string | null
  digest: string | null
  metrics: Record<string, number>
  description: string | null
  author: string | null
  registeredBy: string
  traceId: string
  runLink?: string | null
  downloadUri?: string | null
}

/** A version in the state its lifecycle begins in. *Pure.* */
export function newVersion(
  model: LockedModel,
  version: NewVersion,
  lifecycle: Lifecycle,
  now: Date,
): VersionRow {
  return {
    model_id: model.id,
    version: version.version,
    stage: stageOf(lifecycle),
    state: stateOf(lifecycle),
    machine_version: modelVersionMachineVersion,
    exclusive: false,
    source: version.source,
    run_id: version.runId,
    run_link: version.runLink ?? null,
    download_uri: version.downloadUri ?? null,
    digest: version.digest,
    description: version.description,
    author: version.author,
    registered_by: version.registeredBy,
    trace_id: version.traceId,
    created_at: now,
    updated_at: now,
    metrics: version.metrics,
    lifecycle,
    deleted_at: null,
    production_seq: null,
  }
}

/** Adds a version with its tags. */
export async function insertVersion(
  trx: Transaction<Database>,
  row: VersionRow,
  tags: Record<string, string>,
): Promise<void> {
  const { model_id, version } = row
  const tagRows = Object.entries(tags).map(([key, value]) => ({ model_id, version, key, value }))
  await Promise.all([
    insertRow(trx, {
      ...row,
      lifecycle: JSON.stringify(row.lifecycle),
      metrics: JSON.stringify(row.metrics),
    }),
    tagRows.length > 0 && trx.insertInto('model_version_tag').values(tagRows).execute(),
  ])
}

type NewRow = Omit<VersionRow, 'lifecycle' | 'metrics'> & { lifecycle: string; metrics: string }

const insertRow = prepared((db, row: NewRow) =>
  db.insertInto('model_version').values({
    model_id: row.model_id,
    version: row.version,
    stage: row.stage,
    state: row.state,
    lifecycle: sql`${row.lifecycle}::jsonb`,
    machine_version: row.machine_version,
    exclusive: row.exclusive,
    source: row.source,
    run_id: row.run_id,
    run_link: row.run_link,
    download_uri: row.download_uri,
    digest: row.digest,
    metrics: sql`${row.metrics}::jsonb`,
    description: row.description,
    author: row.author,
    registered_by: row.registered_by,
    trace_id: row.trace_id,
    created_at: row.created_at,
    updated_at: row.updated_at,
  }),
)

/** Loads a version of a locked model. Throws NotFoundError when there is none. */
export async function loadVersion(
  trx: Transaction<Database>,
  model: LockedModel,
  version: number,
): Promise<VersionRow> {
  const row = await findVersionRow(trx, model.id, version)
  if (row === undefined) throw new NotFoundError(`There is no version ${version} of "${model.name}".`)
  return row
}

/**
 * A version as it is in its new state, since the history row `at.seq`. One that enters Production is not yet marked as
 * being there alone: see {@link markExclusive}. *Pure.*
 */
export function movedTo(row: VersionRow, next: Lifecycle, at: { seq: number; now: Date }): VersionRow {
  const stage = stageOf(next)
  return {
    ...row,
    stage,
    state: stateOf(next),
    exclusive: false,
    updated_at: at.now,
    lifecycle: next,
    production_seq: stage === 'Production' ? (row.production_seq ?? at.seq) : null,
  }
}

/** Writes the state that a version is in now. */
export async function saveLifecycle(trx: Transaction<Database>, row: VersionRow): Promise<void> {
  await updateLifecycle(trx, { ...row, lifecycle: JSON.stringify(row.lifecycle) })
}

const updateLifecycle = prepared((db, row: Omit<VersionRow, 'lifecycle'> & { lifecycle: string }) =>
  db
    .updateTable('model_version')
    .set({
      stage: row.stage,
      state: row.state,
      exclusive: row.exclusive,
      updated_at: row.updated_at,
      lifecycle: sql`${row.lifecycle}::jsonb`,
      production_seq: row.production_seq,
    })
    .where('model_id', '=', row.model_id)
    .where('version', '=', row.version),
)

/** Marks a version as the only one in Production; the unique index refuses a second one (V1). */
export async function markExclusive(trx: Transaction<Database>, row: VersionRow): Promise<void> {
  await trx
    .updateTable('model_version')
    .set({ exclusive: true })
    .where('model_id', '=', row.model_id)
    .where('version', '=', row.version)
    .execute()
}

/** Writes what was learned of a version that nobody said at its registration: its digest, or the run that made it. */
export async function saveLearned(
  trx: Transaction<Database>,
  row: Pick<VersionRow, 'model_id' | 'version'>,
  learned: { digest: string | null } | { run_id: string },
): Promise<void> {
  await trx
    .updateTable('model_version')
    .set(learned)
    .where('model_id', '=', row.model_id)
    .where('version', '=', row.version)
    .execute()
}

/** Numbers of the versions of a model that are in Production, the most recently promoted first. */
export async function listIncumbents(db: Kysely<Database>, modelId: number): Promise<number[]> {
  const rows = await selectIncumbents(db, modelId).execute()
  return rows.map((row) => row.version)
}

/** The version that a promotion would replace: of those in Production the one promoted last; null when there is none. */
export async function findIncumbent(db: Kysely<Database>, modelId: number): Promise<number | null> {
  const incumbent = await selectIncumbent(db, modelId).executeTakeFirst()
  return incumbent?.version ?? null
}

/** {@link findIncumbent} as a part of another statement. */
export function selectIncumbent(db: Kysely<Database>, modelId: number | RawBuilder<number>) {
  return selectIncumbents(db, modelId).limit(1)
}

function selectIncumbents(db: Kysely<Database>, modelId: number | RawBuilder<number>) {
  return db
    .selectFrom('model_version')
    .select('version')
    .where('model_id', '=', modelId)
    .where('stage', '=', sql.lit('Production'))
    .orderBy('production_seq', 'desc')
}

/** The versions of a locked model that are in a stage, by number. */
export async function listVersionsIn(
  trx: Transaction<Database>,
  model: LockedModel,
  stage: Stage,
): Promise<VersionRow[]> {
  const rows = await selectOf(trx, model.id).where('stage', '=', stage).orderBy('version').execute()
  return rows.map(asVersion)
}

/** The versions of a locked model for which a validation is running or people are asked, by number. */
export async function listBusyVersions(
  trx: Transaction<Database>,
  model: LockedModel,
): Promise<VersionRow[]> {
  const isBusy = sql<boolean>`(lifecycle -> 'context' ->> 'validationId' is not null
    or lifecycle -> 'context' ->> 'requestId' is not null)`
  const rows = await selectOf(trx, model.id).where(isBusy).orderBy('version').execute()
  return rows.map(asVersion)
}

/** Finds a version by the model's name; undefined when there is no such model or version. */
export async function findVersion(db: Kysely<Database>, ref: VersionRef): Promise<VersionRow | undefined> {
  const [row] = (await selectByName(db, ref)).rows
  return row === undefined ? undefined : asVersion(row)
}

/** A version, even one that was deleted since, for whoever tells of what was; undefined when there never was one. */
export async function findFormerVersion(
  db: Kysely<Database>,
  modelId: number,
  version: number,
): Promise<VersionRow | undefined> {
  const row = await db
    .selectFrom('every_model_version')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst()
  return row === undefined ? undefined : asVersion(row)
}

/** {@link findVersion}, with the version's tags. */
export async function findTaggedVersion(
  db: Kysely<Database>,
  ref: VersionRef,
): Promise<(VersionRow & { tags: Record<string, string> }) | undefined> {
  const [row] = (await selectTagged(db, ref)).rows
  return row === undefined ? undefined : { ...asVersion(row), tags: row.tags }
}

const selectByName = prepared(selectVersion)

const selectTagged = prepared((db, ref: VersionRef) => {
  const tags = sql<Record<string, string>>`coalesce((
    select jsonb_object_agg(tag.key, tag.value) from model_version_tag tag
    where tag.model_id = model_version.model_id and tag.version = model_version.version), '{}')`
  return selectVersion(db, ref).select(tags.as('tags'))
})

// By both parts of the key at once: where the statistics are young, a join goes by the number alone, over all models.
function selectVersion(db: Kysely<Database>, ref: VersionRef) {
  const model = db.selectFrom('registered_model').select('id').where('name', '=', ref.name)
  return db
    .selectFrom('model_version')
    .selectAll()
    .where('model_id', '=', model)
    .where('version', '=', ref.version)
}

async function findVersionRow(
  db: Kysely<Database>,
  modelId: number,
  version: number,
): Promise<VersionRow | undefined> {
  const row = await selectOf(db, modelId).where('version', '=', version).executeTakeFirst()
  return row === undefined ? undefined : asVersion(row)
}

function selectOf(db: Kysely<Database>, modelId: number) {
  return db.selectFrom('model_version').selectAll().where('model_id', '=', modelId)
}

function asVersion(row: Selectable<ModelVersionTable>): VersionRow {
  return { ...row, lifecycle: readLifecycle(row) }
}
