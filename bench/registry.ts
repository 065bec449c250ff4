// The registry as MLflow's clients use it, beside a running MLflow server where there is one: the same calls, over the
// same number of connections, to one and then to the other.
import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { Pool } from 'pg'
import { inParallel, median, type Spread, spreadOf } from './statistics.ts'

/** What is asked of a registry. */
export const operations = ['getVersion', 'latestByStage', 'searchByTag', 'createVersion'] as const
export type Operation = (typeof operations)[number]

/** How fast one operation was. */
export type Pace = { perSecond: number; latency: Spread }

/** A registry under load; `headers` say who calls. */
type Registry = { url: string; headers: Record<string, string> }

/** Figures of one registry with so many versions in the model that is asked about. */
export type RegistryFigures = { name: string; versions: number; paces: Record<Operation, Pace> }

/** How often each operation is timed, in how many rounds. */
export type RegistrySize = { rounds: number; reads: number; creates: number; small: number; large: number }

const connections = 16
const model = 'registry'
const perTag = 10

/**
 * Measures Greenroom with few and with many versions in one model, and MLflow with few where `mlflowUrl` names one;
 * each round goes through all of them in turn. `db` is Greenroom's database, into which the versions are put.
 */
export async function measureRegistry(
  greenroom: Registry & { db: Pool },
  mlflowUrl: string | null,
  size: RegistrySize,
): Promise<RegistryFigures[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const run = `${model}-${randomUUID().slice(0, 8)}`
  const [small, large] = [`${run}-small`, `${run}-large`]
  const subjects = [
    { ...greenroom, name: 'Greenroom', model: small, versions: size.small },
    { ...greenroom, name: 'Greenroom', model: large, versions: size.large },
    ...(mlflowUrl === null
      ? []
      : [{ url: mlflowUrl, headers: {}, name: 'MLflow', model: small, versions: size.small }]),
  ]
  try {
    await fillDatabase(greenroom.db, small, size.small)
    await fillDatabase(greenroom.db, large, size.large)
    if (mlflowUrl !== null) await fillByCalls(agent, { url: mlflowUrl, headers: {} }, small, size.small)
    const rounds: Record<Operation, Pace>[][] = subjects.map(() => [])
    for (let round = 0; round < size.rounds; round++)
      for (const [index, subject] of subjects.entries())
        rounds[index]?.push(await timeAll(agent, subject, subject.model, subject.versions, size))
    return subjects.map(({ name, versions }, index) => ({
      name,
      versions,
      paces: middleOf(rounds[index] ?? []),
    }))
  } finally {
    agent.destroy()
  }
}

async function timeAll(
  agent: Agent,
  registry: Registry,
  name: string,
  versions: number,
  size: RegistrySize,
): Promise<Record<Operation, Pace>> {
  const query = (path: string, of: Record<string, string>) => `${path}?${new URLSearchParams(of)}`
  const any = () => 1 + Math.floor(Math.random() * versions)
  const tag = () => `tags.batch = '${Math.floor(Math.random() * (versions / perTag))}' and name = '${name}'`
  const get = (path: () => string) => () => call(agent, registry, 'GET', path())
  return {
    getVersion: await time(
      size.reads,
      get(() => query('model-versions/get', { name, version: `${any()}` })),
    ),
    latestByStage: await time(
      size.reads,
      get(() => query('registered-models/get-latest-versions', { name, stages: 'Staging' })),
    ),
    searchByTag: await time(
      size.reads,
      get(() => query('model-versions/search', { filter: tag(), max_results: '100' })),
    ),
    createVersion: await time(size.creates, () =>
      call(agent, registry, 'POST', 'model-versions/create', { name, source: `s3://models/${name}` }),
    ),
  }
}

async function time(count: number, once: () => Promise<void>): Promise<Pace> {
  const latencies: number[] = []
  const started = performance.now()
  await inParallel(Array.from({ length: count }), connections, async () => {
    const sent = performance.now()
    await once()
    latencies.push(performance.now() - sent)
  })
  return { perSecond: (count * 1_000) / (performance.now() - started), latency: spreadOf(latencies) }
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
  await db.query('analyze')
}

async function fillByCalls(agent: Agent, registry: Registry, name: string, versions: number): Promise<void> {
  const post = (path: string, body: Record<string, unknown>) => call(agent, registry, 'POST', path, body)
  await post('registered-models/create', { name })
  for (let index = 0; index < versions; index++) {
    const tags = [{ key: 'batch', value: `${Math.floor(index / perTag)}` }]
    await post('model-versions/create', { name, source: `s3://models/${index + 1}`, tags })
    if ((index + 1) % 10 === 0)
      await post('model-versions/transition-stage', { name, version: `${index + 1}`, stage: 'Staging' })
  }
}

function call(
  agent: Agent,
  { url, headers }: Registry,
  method: 'GET' | 'POST',
  path: string,
  body?: Record<string, unknown>,
): Promise<void> {
  const text = body && JSON.stringify(body)
  const about =
    text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(text)}` }
  return new Promise((resolve, reject) => {
    const options = { method, agent, headers: { ...headers, ...about } }
    const sent = request(`${url}/api/2.0/mlflow/${path}`, options, (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        answer += part
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`${path} was answered with ${response.statusCode}: ${answer}`))
      })
    })
    sent.on('error', reject)
    sent.end(text)
  })
}
