// The registry as MLflow's clients use it, beside a running MLflow server where there is one: the same calls, over the
// same number of connections, to one and then to the other.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { type LoadRequest, type Pace, runLoad } from './load.ts'
import { median } from './statistics.ts'

/** What is asked of a registry. */
export const operations = ['getVersion', 'latestByStage', 'searchByTag', 'createVersion'] as const
export type Operation = (typeof operations)[number]

/** A registry that is measured; `headers` say who calls. */
type Registry = { url: string; headers: Record<string, string> }

/** A registry under load, and what is asked about. */
type Subject = Registry & {
  name: string
  /** One to read, which stays as it is, and one like it that grows. */
  models: { read: string; grown: string }
  versions: number
}

/** Figures of one registry with so many versions in the model that is asked about. */
export type RegistryFigures = { name: string; versions: number; paces: Record<Operation, Pace> }

/** For how long each operation is timed in each round, and of how many versions. */
export type RegistrySize = { rounds: number; seconds: number; small: number; large: number }

const connections = 16
// For whoever was asked before to be done with what wrk did not wait for: a second's work for MLflow.
const restMs = 2_000
// Requests that are not the same, of which a load sends any.
const differing = 2_000
const perTag = 10

/**
 * Measures Greenroom with few and with many versions in one model, and MLflow with few where `mlflowUrl` names one;
 * each round goes through all of them in turn, after one that only warms them up. `db` is Greenroom's database, into
 * which the versions are put; `dir` is for what is needed meanwhile.
 */
export async function measureRegistry(
  greenroom: Registry & { db: Pool },
  mlflowUrl: string | null,
  size: RegistrySize,
  dir: string,
): Promise<RegistryFigures[]> {
  const run = `registry-${randomUUID().slice(0, 8)}`
  const modelsOf = (versions: number) => ({
    models: { read: `${run}-${versions}-read`, grown: `${run}-${versions}-grown` },
    versions,
  })
  const [few, many] = [modelsOf(size.small), modelsOf(size.large)]
  const { url, headers, db } = greenroom
  const subjects: Subject[] = [few, many].map((which) => ({ name: 'Greenroom', url, headers, ...which }))
  for (const { models, versions } of [few, many])
    for (const model of Object.values(models)) await fillDatabase(db, model, versions)
  if (mlflowUrl !== null) {
    const version = await (await fetch(`${mlflowUrl}/version`)).text()
    const mlflow = { name: `MLflow ${version}`, url: mlflowUrl, headers: {}, ...few }
    subjects.push(mlflow)
    for (const model of Object.values(few.models)) await fillByCalls(mlflow, model)
  }
  for (const subject of subjects) await timeAll(subject, size.seconds, dir)
  const rounds: Record<Operation, Pace>[][] = subjects.map(() => [])
  for (let round = 0; round < size.rounds; round++)
    for (const [index, subject] of subjects.entries())
      rounds[index]?.push(await timeAll(subject, size.seconds, dir))
  return subjects.map(({ name, versions }, index) => ({
    name,
    versions,
    paces: middleOf(rounds[index] ?? []),
  }))
}

async function timeAll(subject: Subject, seconds: number, dir: string): Promise<Record<Operation, Pace>> {
  const { url, headers, models, versions } = subject
  const below = (most: number) => Math.floor(Math.random() * most)
  const time = async (draw: () => LoadRequest) => {
    await sleep(restMs)
    return runLoad(url, Array.from({ length: differing }, draw), { connections, seconds, headers, dir })
  }
  const name = models.read
  const tag = () => `tags.batch = '${below(versions / perTag)}' and name = '${name}'`
  return {
    getVersion: await time(() => get('model-versions/get', { name, version: `${1 + below(versions)}` })),
    latestByStage: await time(() =>
      get('registered-models/get-latest-versions', { name, stages: 'Staging' }),
    ),
    searchByTag: await time(() => get('model-versions/search', { filter: tag(), max_results: '100' })),
    createVersion: await time(() =>
      post('model-versions/create', { name: models.grown, source: 's3://models/new' }),
    ),
  }
}

const api = '/api/2.0/mlflow'
const get = (path: string, query: Record<string, string>): LoadRequest => ({
  method: 'GET',
  path: `${api}/${path}?${new URLSearchParams(query)}`,
})
const post = (path: string, body: Record<string, unknown>): LoadRequest => ({
  method: 'POST',
  path: `${api}/${path}`,
  body: JSON.stringify(body),
})

function middleOf(rounds: Record<Operation, Pace>[]): Record<Operation, Pace> {
  const of = (operation: Operation): Pace => ({
    perSecond: median(rounds.map((round) => round[operation].perSecond)),
    latency: {
      samples: rounds.reduce((sum, round) => sum + round[operation].latency.samples, 0),
      p50: median(rounds.map((round) => round[operation].latency.p50)),
      p99: median(rounds.map((round) => round[operation].latency.p99)),
    },
  })
  return Object.fromEntries(operations.map((operation) => [operation, of(operation)])) as Record<
    Operation,
    Pace
  >
}

/** Puts a model with so many versions into the database, as registering them one by one would. */
async function fillDatabase(db: Pool, name: string, versions: number): Promise<void> {
  const made = await db.query<{ id: number }>(
    `insert into registered_model (name, next_version, created_at, updated_at)
     values ($1, $2, now(), now()) returning id`,
    [name, versions + 1],
  )
  const id = made.rows[0]?.id
  await db.query(
    `insert into model_version (model_id, version, stage, state, lifecycle, machine_version, source, metrics,
                                registered_by, trace_id, created_at, updated_at)
     select $1, n, s.stage, s.state, jsonb_build_object('value', jsonb_build_object(s.stage, s.state), 'context',
              '{"validationId": null, "requestId": null, "validated": true, "served": false}'::jsonb),
            1, 's3://models/' || n, '{}', 'bench', 'bench', now() + n * interval '1 ms', now() + n * interval '1 ms'
     from generate_series(1, $2::int) n
     cross join lateral (select case n % 10 when 0 then 'Staging' else 'None' end as stage,
                                case n % 10 when 0 then 'ready' else 'idle' end as state) s`,
    [id, versions],
  )
  await db.query(
    `insert into model_version_tag (model_id, version, key, value)
     select $1, n, 'batch', ((n - 1) / $3::int)::text from generate_series(1, $2::int) n`,
    [id, versions, perTag],
  )
  // As it would be after some minutes at rest, so that PostgreSQL does not do this while it is timed.
  await db.query('vacuum analyze')
  await db.query('checkpoint')
}

async function fillByCalls({ url, versions }: Subject, name: string): Promise<void> {
  const send = async (to: string, what: Record<string, unknown>) => {
    const { method, path, body } = post(to, what)
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${url}${path}`, { method, headers, body: body ?? null })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${text}`)
  }
  await send('registered-models/create', { name })
  for (let index = 0; index < versions; index++) {
    const tags = [{ key: 'batch', value: `${Math.floor(index / perTag)}` }]
    await send('model-versions/create', { name, source: `s3://models/${index + 1}`, tags })
    if ((index + 1) % 10 === 0)
      await send('model-versions/transition-stage', { name, version: `${index + 1}`, stage: 'Staging' })
  }
}
