import { type Kysely, sql } from 'kysely'
import type { Stage } from '../../src/machines/model-version.ts'
import { type Database, json } from '../../src/store/database.ts'

/** A version as a test wants it; times in microseconds after {@link epoch}. */
export type PlannedVersion = {
  version: number
  stage?: Stage
  source?: string
  runId?: string | null
  tags?: Record<string, string>
  aliases?: string[]
  createdAt?: number
  updatedAt?: number
  isDeleted?: boolean
}

/** A model as a test wants it. */
export type PlannedModel = {
  name: string
  description?: string | null
  tags?: Record<string, string>
  createdAt?: number
  updatedAt?: number
  isDeleted?: boolean
  versions?: PlannedVersion[]
}

/** The time from which a plan counts. */
export const epoch = '2026-01-01T00:00:00.000Z'

/** A time of a plan as the database takes it, to the microsecond. *Pure.* */
function at(microseconds = 0): string {
  const whole = new Date(Date.parse(epoch) + Math.floor(microseconds / 1_000)).toISOString()
  return whole.replace('Z', `${String(microseconds % 1_000).padStart(3, '0')}Z`)
}

/** Writes models with all that belongs to them straight into the tables, with no history and no workflow. */
export async function fillRegistry(db: Kysely<Database>, models: PlannedModel[]): Promise<void> {
  for (const model of models) {
    const { id } = await db
      .insertInto('every_registered_model')
      .values({
        name: model.name,
        description: model.description ?? null,
        created_at: at(model.createdAt),
        updated_at: at(model.updatedAt),
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await insertTags(db, 'registered_model_tag', { model_id: id }, model.tags)
    for (const version of model.versions ?? []) await insertVersion(db, id, version)
    if (model.isDeleted) await markDeleted(db, 'every_registered_model', sql`id = ${id}`)
  }
}

async function insertVersion(db: Kysely<Database>, modelId: number, planned: PlannedVersion): Promise<void> {
  const ref = { model_id: modelId, version: planned.version }
  await db
    .insertInto('every_model_version')
    .values({
      ...ref,
      stage: planned.stage ?? 'None',
      state: 'validating',
      lifecycle: json({}),
      machine_version: 1,
      source: planned.source ?? 's3://bucket/model',
      run_id: planned.runId ?? null,
      run_link: null,
      download_uri: null,
      digest: null,
      metrics: json({}),
      description: null,
      author: null,
      registered_by: 'test',
      trace_id: 'test',
      created_at: at(planned.createdAt),
      updated_at: at(planned.updatedAt),
    })
    .execute()
  await insertTags(db, 'model_version_tag', ref, planned.tags)
  for (const alias of planned.aliases ?? [])
    await db
      .insertInto('registered_model_alias')
      .values({ ...ref, alias })
      .execute()
  if (planned.isDeleted)
    await markDeleted(db, 'every_model_version', sql`model_id = ${modelId} and version = ${planned.version}`)
}

async function insertTags(
  db: Kysely<Database>,
  table: 'registered_model_tag' | 'model_version_tag',
  of: { model_id: number; version?: number },
  tags: Record<string, string> = {},
): Promise<void> {
  for (const [key, value] of Object.entries(tags)) {
    const row = { ...of, key, value }
    const columns = sql.join(Object.keys(row).map((column) => sql.ref(column)))
    await sql`insert into ${sql.table(table)} (${columns}) values (${sql.join(Object.values(row))})`.execute(
      db,
    )
  }
}

async function markDeleted(
  db: Kysely<Database>,
  table: string,
  where: ReturnType<typeof sql>,
): Promise<void> {
  await sql`update ${sql.table(table)} set deleted_at = now() where ${where}`.execute(db)
}
