// The registry as MLflow's clients use it, beside a running MLflow server where there is one: the same calls, over the
// same number of connections, to one and then to the other.
import { randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { Pool as Connections } from 'undici'
import { median, type Spread, spreadOf } from './statistics.ts'

/** What is asked of a registry. */
export const operations = ['getVersion', 'latestByStage', 'searchByTag', 'createVersion'] as const
export type Operation = (typeof operations)[number]

/** How fast one operation was. */
export type Pace = { perSecond: number; latency: Spread }

/** A registry that is measured; `headers` say who calls. */
type Registry = { url: string; headers: Record<string, string> }

/** A registry under load, and what is asked about. */
type Subject = {
  name: string
  connections: Connections
  headers: Record<string, string>
  /** One to read, which stays as it is, and one like it that grows. */
  models: { read: string; grown: string }
  versions: number
}

/** Figures of one registry with so many versions in the model that is asked about. */
export type RegistryFigures = { name: string; versions: number; paces: Record<Operation, Pace> }

/** For how long each operation is timed in each round, and of how many versions. */
export type RegistrySize = { rounds: number; roundMs: number; small: number; large: number }

const width = 16
const perTag = 10

/**
 * Measures Greenroom with few and with many versions in one model, and MLflow with few where `mlflowUrl` names one;
 * each round goes through all of them in turn, after one that only warms them up. `db` is Greenroom's database, into
 * which the versions are put.
 */
export async function measureRegistry(
  greenroom: Registry & { db: Pool },
  mlflowUrl: string | null,
  size: RegistrySize,
): Promise<RegistryFigures[]> {
  const run = `registry-${randomUUID().slice(0, 8)}`
  const modelsOf = (versions: number) => ({
    models: { read: `${run}-${versions}-read`, grown: `${run}-${versions}-grown` },
    versions,
  })
  const [few, many] = [modelsOf(size.small), modelsOf(size.large)]
  const { headers } = greenroom
  const own = new Connections(greenroom.url, { connections: width })
  const theirs = mlflowUrl === null ? null : new Connections(mlflowUrl, { connections: width })
  const subjects: Subject[] = [
    { name: 'Greenroom', connections: own, headers, ...few },
    { name: 'Greenroom', connections: own, headers, ...many },
  ]
  try {
    for (const { models, versions } of [few, many])
      for (const model of Object.values(models)) await fillDatabase(greenroom.db, model, versions)
    if (theirs !== null) {
      const { body } = await theirs.request({ method: 'GET', path: '/version' })
      const mlflow = { name: `MLflow ${await body.text()}`, connections: theirs, headers: {}, ...few }
      subjects.push(mlflow)
      for (const model of Object.values(few.models)) await fillByCalls(mlflow, model)
    }
    for (const subject of subjects) await timeAll(subject, size.roundMs)
    const rounds: Record<Operation, Pace>[][] = subjects.map(() => [])
    for (let round = 0; round < size.rounds; round++)
      for (const [index, subject] of subjects.entries())
        rounds[index]?.push(await timeAll(subject, size.roundMs))
    return subjects.map(({ name, versions }, index) => ({
      name,
      versions,
      paces: middleOf(rounds[index] ?? []),
    }))
  } finally {
    await Promise.all([own.close(), theirs?.close()])
  }
}

async function timeAll(subject: Subject, forMs: number): Promise<Record<Operation, Pace>> {
  const { models, versions } = subject
  const name = models.read
  const query = (path: string, of: Record<string, string>) => `${path}?${new URLSearchParams(of)}`
  const any = () => 1 + Math.floor(Math.random() * versions)
  const tag = () => `tags.batch = '${Math.floor(Math.random() * (versions / perTag))}' and name = '${name}'`
  const get = (path: () => string) => () => call(subject, 'GET', path())
  return {
    getVersion: await time(
      forMs,
      get(() => query('model-versions/get', { name, version: `${any()}` })),
    ),
    latestByStage: await time(
      forMs,
      get(() => query('registered-models/get-latest-versions', { name, stages: 'Staging' })),
    ),
    searchByTag: await time(
      forMs,
      get(() => query('model-versions/search', { filter: tag(), max_results: '100' })),
    ),
    createVersion: await time(forMs, () =>
      call(subject, 'POST', 'model-versions/create', { name: models.grown, source: 's3://models/new' }),
    ),
  }
}

async function time(forMs: number, once: () => Promise<void>): Promise<Pace> {
  const latencies: number[] = []
  const started = performance.now()
  const goOn = async () => {
    for (let sent = started; sent < started + forMs; sent = performance.now()) {
      await once()
      latencies.push(performance.now() - sent)
    }
  }
  await Promise.all(Array.from({ length: width }, goOn))
  return {
    perSecond: (latencies.length * 1_000) / (performance.now() - started),
    latency: spreadOf(latencies),
  }
}

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

async function fillByCalls(subject: Subject, name: string): Promise<void> {
  const post = (path: string, body: Record<string, unknown>) => call(subject, 'POST', path, body)
  await post('registered-models/create', { name })
  for (let index = 0; index < subject.versions; index++) {
    const tags = [{ key: 'batch', value: `${Math.floor(index / perTag)}` }]
    await post('model-versions/create', { name, source: `s3://models/${index + 1}`, tags })
    if ((index + 1) % 10 === 0)
      await post('model-versions/transition-stage', { name, version: `${index + 1}`, stage: 'Staging' })
  }
}

/** Calls as cheaply as can be, without a stream for the answer: the client shares the machine with what it times. */
function call(
  { connections, headers }: Subject,
  method: 'GET' | 'POST',
  path: string,
  body?: Record<string, unknown>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let status = 0
    connections.dispatch(
      {
        method,
        path: `/api/2.0/mlflow/${path}`,
        headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
        body: body === undefined ? null : JSON.stringify(body),
      },
      {
        onRequestStart: () => {},
        onResponseStart: (_, statusCode) => {
          status = statusCode
        },
        onResponseData: (_, chunk) => void chunks.push(chunk),
        onResponseEnd: () => {
          if (status === 200) resolve()
          else reject(new Error(`${path} was answered with ${status}: ${Buffer.concat(chunks)}`))
        },
        onResponseError: (_, error) => reject(error),
      },
    )
  })
}
