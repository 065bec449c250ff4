// What the pages and the API show: queries only, nothing here changes anything.
import { type Kysely, type RawBuilder, type Selectable, sql } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { ApprovalState } from '../machines/approval.ts'
import type { Stage } from '../machines/model-version.ts'
import type { Verdict } from '../policy/finding.ts'
import type { Decision } from './approvals.ts'
import type { Database } from './database.ts'
import { findModel } from './models.ts'
import type { ApprovalRequestTable, RegisteredModelTable } from './schema.ts'
import { listTags } from './tags.ts'
import { type CheckResult, listValidations, type Validation } from './validations.ts'
import { findVersion, type VersionRow } from './versions.ts'

// A version that was validated more often than this has its oldest runs left out.
const mostValidations = 50

/** A model in a list: how many versions it has and which are in Production. */
export type ModelSummary = {
  name: string
  description: string | null
  versions: number
  latest_version: number | null
  production: number[]
  updated_at: Date
}

/** Models by name, after the name `after` when given. */
export async function listModelSummaries(
  db: Kysely<Database>,
  page: { after?: string; limit: number },
): Promise<ModelSummary[]> {
  const { rows } = await sql<ModelSummary>`
    select m.name, m.description, m.updated_at, v.versions, v.latest_version,
           coalesce(v.production, '[]'::jsonb) as production
    from registered_model m
    cross join lateral (
      select count(*)::int as versions, max(version) as latest_version,
             jsonb_agg(version order by version desc) filter (where stage = 'Production') as production
      from model_version where model_id = m.id
    ) v
    where ${page.after ?? null}::text is null or m.name > ${page.after ?? null}::text
    order by m.name
    limit ${page.limit}`.execute(db)
  return rows
}

/** A version in a list. */
export type VersionSummary = Pick<
  VersionRow,
  'version' | 'stage' | 'state' | 'author' | 'digest' | 'metrics' | 'created_at' | 'updated_at'
>

/** A model and its versions, newest first, below `before` and in `stage` when given. Throws NotFoundError. */
export async function loadModel(
  db: Kysely<Database>,
  name: string,
  page: { before?: number; stage?: Stage; limit: number },
): Promise<{ model: Selectable<RegisteredModelTable>; versions: VersionSummary[] }> {
  const model = await mustFindModel(db, name)
  let query = db
    .selectFrom('model_version')
    .select(['version', 'stage', 'state', 'author', 'digest', 'metrics', 'created_at', 'updated_at'])
    .where('model_id', '=', model.id)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
  if (page.stage !== undefined) query = query.where('stage', '=', page.stage)
  return { model, versions: await query.orderBy('version', 'desc').limit(page.limit).execute() }
}

/** Finds a model by its name. Throws NotFoundError. */
export async function mustFindModel(
  db: Kysely<Database>,
  name: string,
): Promise<Selectable<RegisteredModelTable>> {
  const model = await findModel(db, name)
  if (model === undefined) throw new NotFoundError(`There is no registered model named "${name}".`)
  return model
}

/** An approval request with its model's name and the answers it has. */
export type RequestRecord = Omit<Selectable<ApprovalRequestTable>, 'message' | 'machine_version'> & {
  model: string
  decisions: Decision[]
}

/** Everything there is to say about one version. */
export type VersionRecord = {
  name: string
  version: VersionRow
  tags: Record<string, string>
  /** Newest first, each with its checks in the order of the policy. */
  validations: (Validation & { checks: CheckResult[] })[]
  /** The newest request; null when none was ever opened. */
  request: RequestRecord | null
}

/** Loads a version with all that belongs to it. Throws NotFoundError. */
export async function loadVersionRecord(
  db: Kysely<Database>,
  ref: { name: string; version: number },
): Promise<VersionRecord> {
  const version = await findVersion(db, ref)
  if (version === undefined) {
    await mustFindModel(db, ref.name)
    throw new NotFoundError(`There is no version ${ref.version} of "${ref.name}".`)
  }
  const runs = (await listValidations(db, version.model_id, version.version)).slice(0, mostValidations)
  const checks = await listChecksOf(
    db,
    runs.map((run) => run.id),
  )
  const [request = null] = await listRequestRecords(db, { of: version, limit: 1 })
  return {
    name: ref.name,
    version,
    tags: await listTags(db, version.model_id, version.version),
    validations: runs.map((run) => ({
      ...run,
      checks: checks.filter((check) => check.validation_id === run.id),
    })),
    request,
  }
}

function listChecksOf(db: Kysely<Database>, validationIds: string[]): Promise<CheckResult[]> {
  if (validationIds.length === 0) return Promise.resolve([])
  return db
    .selectFrom('check_result')
    .selectAll()
    .where('validation_id', 'in', validationIds)
    .orderBy('position')
    .execute()
}

/** Which requests to list, newest first; `before` is the id of one, and only older ones are wanted. */
export type RequestFilter = {
  id?: string
  before?: string
  state?: ApprovalState
  of?: { model_id: number; version: number }
  limit: number
}

/** Lists approval requests with their answers. */
export async function listRequestRecords(
  db: Kysely<Database>,
  filter: RequestFilter,
): Promise<RequestRecord[]> {
  let query = db
    .selectFrom('approval_request as r')
    .innerJoin('registered_model as m', 'm.id', 'r.model_id')
    .selectAll('r')
    .select('m.name as model')
  if (filter.id !== undefined) query = query.where('r.id', '=', filter.id)
  if (filter.before !== undefined) query = query.where(isOlderThan(filter.before))
  if (filter.state !== undefined) query = query.where('r.state', '=', filter.state)
  if (filter.of !== undefined)
    query = query.where('r.model_id', '=', filter.of.model_id).where('r.version', '=', filter.of.version)
  const rows = await query.orderBy('r.opened_at', 'desc').orderBy('r.id').limit(filter.limit).execute()
  const decisions = await listDecisionsOf(
    db,
    rows.map((row) => row.id),
  )
  return rows.map((row) => ({
    ...row,
    decisions: decisions.filter((answer) => answer.request_id === row.id),
  }))
}

/** That a request `r` stands behind another one; false when that is not there. */
function isOlderThan(id: string): RawBuilder<boolean> {
  return sql<boolean>`exists (select from approval_request as given where given.id = ${id}
    and (r.opened_at < given.opened_at or (r.opened_at = given.opened_at and r.id > given.id)))`
}

function listDecisionsOf(db: Kysely<Database>, requestIds: string[]): Promise<Decision[]> {
  if (requestIds.length === 0) return Promise.resolve([])
  return db.selectFrom('decision').selectAll().where('request_id', 'in', requestIds).orderBy('at').execute()
}

/** Loads one approval request. Throws NotFoundError. */
export async function loadRequestRecord(db: Kysely<Database>, id: string): Promise<RequestRecord> {
  const [record] = await listRequestRecords(db, { id, limit: 1 })
  if (record === undefined) throw new NotFoundError(`There is no approval request ${id}.`)
  return record
}

/**
 * One version on the board. `verdicts` are of the newest run of the checks before Staging and of the newest one
 * in Staging since, in the order of the policy.
 */
export type BoardRow = {
  model: string
  version: number
  stage: Stage
  state: string
  author: string | null
  updated_at: Date
  verdicts: { check: string; verdict: Verdict | null; summary: string | null }[]
}

/** What is where: the models that changed last, each with its newest versions and all that are in use. */
export async function readBoard(
  db: Kysely<Database>,
  most: { models: number; versions: number },
): Promise<BoardRow[]> {
  const { rows } = await sql<BoardRow>`
    with latest as (
      select id, name, updated_at from registered_model order by updated_at desc, name limit ${most.models}
    ), shown as (
      select m.name, m.updated_at as model_updated_at, v.*
      from latest m
      cross join lateral (
        select * from (
          select *, row_number() over (order by version desc) as place from model_version where model_id = m.id
        ) numbered
        where place <= ${most.versions} or stage in ('Production', 'Staging')
        order by version desc limit ${most.versions * 2}
      ) v
    )
    select s.name as model, s.version, s.stage, s.state, s.author, s.updated_at,
           coalesce(c.verdicts, '[]'::jsonb) as verdicts
    from shown s
    left join lateral (
      select jsonb_agg(
               jsonb_build_object('check', c.rule ->> 'kind', 'verdict', c.verdict, 'summary', c.summary)
               order by run.opened_at, c.position
             ) as verdicts
      from (
        select distinct on (suite) id, opened_at from validation
        where model_id = s.model_id and version = s.version and status <> 'cancelled' and opened_at >= (
          select coalesce(max(opened_at), '-infinity') from validation
          where model_id = s.model_id and version = s.version and status <> 'cancelled' and suite <> 'test'
        )
        order by suite, opened_at desc
      ) run
      join check_result c on c.validation_id = run.id
    ) c on true
    order by s.model_updated_at desc, s.name, s.version desc`.execute(db)
  return rows
}

/** How many versions are in each stage. */
export function countVersions(db: Kysely<Database>): Promise<{ stage: Stage; count: number }[]> {
  return db
    .selectFrom('model_version')
    .select(['stage', sql<number>`count(*)::int`.as('count')])
    .groupBy('stage')
    .execute()
}

/** How many approval requests wait for people. */
export async function countPendingRequests(db: Kysely<Database>): Promise<number> {
  const row = await db
    .selectFrom('approval_request')
    .select(sql<number>`count(*)::int`.as('count'))
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow()
  return row.count
}

/** Names of the migrations that the database has. */
export async function listAppliedMigrations(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select name from greenroom_migration order by name`.execute(db)
  return rows.map((row) => row.name)
}

/**
 * Whether the ledger moves: how many commands have been due for longer than `patienceMs`, and whether any was
 * being worked on or ended within that time. By the database's clock.
 */
export async function readLedgerProgress(
  db: Kysely<Database>,
  patienceMs: number,
): Promise<{ overdue: number; moving: boolean }> {
  const line = sql`clock_timestamp() - make_interval(secs => ${patienceMs / 1000})`
  const counted = await sql<{ overdue: number }>`
    select (select count(*)::int from command where status = 'pending' and run_at < ${line})
         + (select count(*)::int from command where status = 'queued' and run_at < ${line}) as overdue`.execute(
    db,
  )
  const overdue = counted.rows[0]?.overdue ?? 0
  // Only asked when it matters: no index helps with what has ended.
  if (overdue === 0) return { overdue, moving: true }
  const moved = await sql<{ moving: boolean }>`
    select exists (select 1 from command where status = 'running' and lease_until > clock_timestamp())
        or exists (select 1 from command where finished_at > ${line}) as moving`.execute(db)
  return { overdue, moving: moved.rows[0]?.moving ?? false }
}
