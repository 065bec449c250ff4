// `npm run bench`: how fast a registration comes to Staging and a click to Production, beside the bare parts that
// they are made of. Everything runs on this machine, in processes and databases that are gone afterwards.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { embed } from '../scripts/draw.ts'
import { OperatorError } from '../src/errors.ts'
import { startEmbeddedPostgres } from '../src/store/embedded.ts'
import { type LatencySize, measureLatency } from './latency.ts'
import { hasWrk } from './load.ts'
import { describeMachine, readRedisVersion } from './machine.ts'
import { memoryOf, startRedis } from './processes.ts'
import { measureRegistry, type RegistryFigures, type RegistrySize } from './registry.ts'
import {
  type Figures,
  missedTargets,
  type Report,
  renderMarkdown,
  renderRegistry,
  renderText,
} from './report.ts'
import { openSender } from './sender.ts'
import { concurrency, openStage } from './stage.ts'
import { measureThroughput, type ThroughputSize } from './throughput.ts'

const root = resolve(import.meta.dirname, '..')
const page = join(root, 'docs/performance.md')
const limitMs = 30 * 60_000
const restMs = 2_000

type Size = { latency: LatencySize; throughput: ThroughputSize; registry: RegistrySize }

const full: Size = {
  latency: { warmUp: 50, webhooks: 300, clicks: 150 },
  throughput: { rounds: 5, warmUp: 1_500, registrations: 1_000, bareCommits: 5_000, bareJobs: 5_000 },
  registry: { rounds: 5, seconds: 3, small: 1_000, large: 100_000 },
}
const quick: Size = {
  latency: { warmUp: 20, webhooks: 40, clicks: 20 },
  throughput: { rounds: 1, warmUp: 200, registrations: 500, bareCommits: 2_000, bareJobs: 2_000 },
  registry: { rounds: 1, seconds: 1, small: 1_000, large: 100_000 },
}

const usage = `npm run bench -- [--quick] [--json] [--write]
  MLFLOW_URL  a running MLflow server whose registry is put under the same load, such as http://127.0.0.1:5000
  --quick   a tenth of the samples, for a first look
  --json    print one line of JSON and nothing else
  --write   write the table into docs/performance.md`

async function main(): Promise<void> {
  const boolean = { type: 'boolean', default: false } as const
  const { values: wish } = parseArgs({
    options: { quick: boolean, json: boolean, write: boolean, help: boolean },
  })
  if (wish.help) return console.log(usage)
  const say = wish.json ? () => {} : (line: string) => console.error(line)
  const report = await run(wish.quick ? quick : full, say)
  console.log(wish.json ? JSON.stringify(report) : `\n${renderText(report)}`)
  for (const missed of missedTargets(report)) say(`missed: ${missed}`)
  if (wish.write)
    writeFileSync(
      page,
      embed(readFileSync(page, 'utf8'), {
        figures: renderMarkdown(report),
        registry: renderRegistry(report),
      }),
    )
}

async function run(size: Size, say: (line: string) => void): Promise<Report> {
  const closers: (() => Promise<unknown>)[] = []
  const stopped = Promise.withResolvers<never>()
  stopped.promise.catch(() => {})
  const stop = (why: string) => () => stopped.reject(new OperatorError(why))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop('Stopped.'))
  const limit = setTimeout(stop('Stopped: it took too long.'), limitMs)
  try {
    return await Promise.race([measureAll(size, say, (closer) => closers.push(closer)), stopped.promise])
  } finally {
    clearTimeout(limit)
    for (const closer of closers.reverse()) await closer()
  }
}

async function measureAll(
  size: Size,
  say: (line: string) => void,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<Report> {
  execFileSync(process.execPath, [join(root, 'scripts/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] })
  mkdirSync(join(root, '.greenroom'), { recursive: true })
  // On the disk where a local database would be, not in a temporary folder that may be memory.
  const dir = mkdtempSync(join(root, '.greenroom/bench-'))
  onClose(async () => rmSync(dir, { recursive: true, force: true }))
  const postgres = await startEmbeddedPostgres({ home: dir, database: 'bench', log: () => {} })
  onClose(() => postgres.stop())
  const db = new pg.Pool({ connectionString: postgres.url, max: 1 })
  db.on('error', () => {}) // a server that stops while we do ends idle connections
  onClose(() => db.end())
  const machine = await describeMachine(db, new Date())
  const redis = await startRedis(dir)
  if (redis === null)
    say('redis-server is not installed (apt-get install redis-server): no figures on Redis.')
  else onClose(() => redis.stop())
  const circumstances = { ...machine, redis: redis === null ? null : await readRedisVersion(redis.url) }

  const figures: Figures[] = []
  for (const queue of redis === null ? [null] : [redis, null]) {
    const given = {
      postgresUrl: postgres.url,
      redisUrl: queue?.url ?? null,
      redisPid: queue?.pid ?? null,
      dir,
    }
    figures.push(await measureBackend(given, size, say, onClose))
  }
  const given = { postgresUrl: postgres.url, redisUrl: redis?.url ?? null, redisPid: redis?.pid ?? null, dir }
  const registry = await timeRegistry(given, size.registry, say, onClose)
  return { circumstances, figures, registry }
}

async function timeRegistry(
  given: { postgresUrl: string; redisUrl: string | null; redisPid: number | null; dir: string },
  size: RegistrySize,
  say: (line: string) => void,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<RegistryFigures[]> {
  if (!(await hasWrk())) {
    say('wrk is not installed (apt-get install wrk): no figures of the registry.')
    return []
  }
  say('The registry …')
  const sender = openSender(1)
  const stage = await openStage({ ...given, name: 'on_registry' }, sender)
  const close = once(async () => {
    await sender.close()
    await stage.close()
  })
  onClose(close)
  const headers = { authorization: `Bearer ${stage.token}` }
  const mlflowUrl = process.env.MLFLOW_URL?.replace(/\/+$/, '') ?? null
  const figures = await measureRegistry({ url: stage.url, headers, db: stage.db }, mlflowUrl, size, given.dir)
  await close()
  return figures
}

async function measureBackend(
  given: { postgresUrl: string; redisUrl: string | null; redisPid: number | null; dir: string },
  size: Size,
  say: (line: string) => void,
  onClose: (closer: () => Promise<unknown>) => void,
): Promise<Figures> {
  const backend = given.redisUrl === null ? 'PostgreSQL' : 'Redis'
  const sender = openSender(concurrency)
  const stage = await openStage({ ...given, name: `on_${backend.toLowerCase()}` }, sender)
  const close = once(async () => {
    await sender.close()
    await stage.close()
  })
  onClose(close)
  await sleep(restMs)
  const atRest = memoryOf(stage.serve.pid).nowMb
  say(`Queues on ${backend}: one at a time …`)
  const latency = await measureLatency(stage, size.latency)
  say(`Queues on ${backend}: under load …`)
  const throughput = await measureThroughput(stage, size.throughput)
  await sleep(restMs)
  const { nowMb: afterLoad, peakMb: peak } = memoryOf(stage.serve.pid)
  await close()
  return { backend, ...latency, throughput, memoryMb: { atRest, afterLoad, peak } }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof OperatorError ? error.message : error)
  process.exitCode = 1
})
