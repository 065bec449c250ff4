// Models and versions with all that a registry's API says of them, each read in one statement.
import { type Kysely, sql } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { Stage } from '../machines/model-version.ts'
import type { Database } from './database.ts'
import { prepared } from './prepared.ts'
import { onSharedConnection } from './transaction.ts'
import type { VersionRef } from './versions.ts'

export type Tag = { key: string; value: string }

/** A version as a registry shows it; tags by key, aliases by name. */
export type RegistryVersion = {
  name: string
  version: number
  stage: Stage
  state: string
  author: string | null
  description: string | null
  source: string
  run_id: string | null
  run_link: string | null
  /** Where to load it from, when that is not its source. */
  download_uri: string | null
  digest: string | null
  tags: Tag[]
  aliases: string[]
  created_at: Date
  updated_at: Date
}

/** A model as a registry shows it. */
export type RegistryModel = {
  name: string
  description: string | null
  created_at: Date
  updated_at: Date
  /** Of every stage that has any the version with the highest number; by number. */
  latest_versions: RegistryVersion[]
  tags: Tag[]
  aliases: { alias: string; version: number }[]
}

/** A version inside JSON has its times as text. */
type VersionJson = Omit<RegistryVersion, 'created_at' | 'updated_at'> & {
  created_at: string
  updated_at: string
}

/** What {@link modelColumns} reads. */
export type ModelRow = Omit<RegistryModel, 'latest_versions'> & { latest_versions: VersionJson[] }

/** The columns of a {@link RegistryVersion}, where `v` is its row and `m` its model's. */
export const versionColumns = `
  m.name, v.version, v.stage, v.state, v.author, v.description, v.source, v.run_id, v.run_link, v.download_uri,
  v.digest, v.created_at, v.updated_at,
  coalesce((
    select json_agg(json_build_object('key', t.key, 'value', t.value) order by t.key collate "C")
    from model_version_tag t where t.model_id = v.model_id and t.version = v.version), '[]') as tags,
  coalesce((
    select json_agg(a.alias order by a.alias collate "C")
    from registered_model_alias a where a.model_id = v.model_id and a.version = v.version), '[]') as aliases`

/**
 * Of each stage the version of model `m` with the highest number, as JSON. The interval of one stage leaves the index
 * on stages as the only one in the order asked for; by numbers alone, a stage without versions would be sought in all.
 */
const latestVersions = `coalesce((
  select json_agg(row_to_json(latest) order by latest.version)
  from (
    select ${versionColumns}
    from (values ('None'), ('Staging'), ('Production'), ('Archived')) wanted (stage)
    cross join lateral (
      select * from model_version where model_id = m.id and stage between wanted.stage and wanted.stage
      order by stage desc, version desc limit 1
    ) v
  ) latest), '[]')`

/** The columns of a {@link ModelRow}, where `m` is the model's row. */
export const modelColumns = `
  m.name, m.description, m.created_at, m.updated_at,
  ${latestVersions} as latest_versions,
  coalesce((
    select json_agg(json_build_object('key', t.key, 'value', t.value) order by t.key collate "C")
    from registered_model_tag t where t.model_id = m.id), '[]') as tags,
  coalesce((
    select json_agg(json_build_object('alias', a.alias, 'version', a.version) order by a.alias collate "C")
    from registered_model_alias a where a.model_id = m.id), '[]') as aliases`

/** A model from its row. *Pure.* */
export function asModel(row: ModelRow): RegistryModel {
  return { ...row, latest_versions: row.latest_versions.map(asVersion) }
}

/** Loads a model. Throws NotFoundError with MLflow's words. */
export async function loadModelRecord(db: Kysely<Database>, name: string): Promise<RegistryModel> {
  const { rows } = await sql<ModelRow>`
    select ${sql.raw(modelColumns)} from registered_model m where m.name = ${name}`.execute(db)
  const [row] = rows
  if (row === undefined) throw noModel(name)
  return asModel(row)
}

/** Loads a version. Throws NotFoundError with MLflow's words. */
export async function loadVersionRecordOf(db: Kysely<Database>, ref: VersionRef): Promise<RegistryVersion> {
  const { rows } = await onSharedConnection(db, (on) => selectVersion(on, ref))
  const [row] = rows
  if (row === undefined)
    throw new NotFoundError(`Model Version (name=${ref.name}, version=${ref.version}) not found`)
  return row
}

const selectVersion = prepared(
  (_, { name, version }: VersionRef) => sql<RegistryVersion>`
    select ${sql.raw(versionColumns)} from model_version v cross join (select ${name}::text as name) m
    where v.model_id = (select id from registered_model where name = ${name}) and v.version = ${version}`,
)

/**
 * Of each of these stages the version with the highest number, where there is any; by number. Throws NotFoundError
 * with MLflow's words when there is no such model.
 */
export async function listLatestVersions(
  db: Kysely<Database>,
  name: string,
  stages: readonly Stage[],
): Promise<RegistryVersion[]> {
  const { rows } = await onSharedConnection(db, (on) => selectLatest(on, { name }))
  const [row] = rows
  if (row === undefined) throw noModel(name)
  // Chosen here, for a statement that is told the stages is planned anew each time, which takes longer than running it.
  return row.versions.filter(({ stage }) => stages.includes(stage)).map(asVersion)
}

const selectLatest = prepared(
  (_, { name }: { name: string }) => sql<{ versions: VersionJson[] }>`
    select ${sql.raw(latestVersions)} as versions from registered_model m where m.name = ${name}`,
)

function asVersion(version: VersionJson): RegistryVersion {
  return {
    ...version,
    created_at: new Date(version.created_at),
    updated_at: new Date(version.updated_at),
  }
}

function noModel(name: string): NotFoundError {
  return new NotFoundError(`Registered Model with name=${name} not found`)
}
