import { setTimeout as sleep } from 'node:timers/promises'
import { timeBareCommits, timeBareJobs } from './bare.ts'
import { familyOf, parentOf, processorMsOf } from './processes.ts'
import { concurrency, type Stage } from './stage.ts'
import { inParallel, median, type Spread, spreadOf } from './statistics.ts'

/** How much is measured: registrations before all and in each round, and operations of each bare part beside them. */
export type ThroughputSize = {
  warmUp: number
  rounds: number
  registrations: number
  bareCommits: number
  bareJobs: number
}

/** One round: what Greenroom did, what the bare parts did right before it, and what they would have allowed. */
export type Round = {
  registrationsPerSecond: number
  /** From sending a webhook to its answer, under this load. */
  answer: Spread
  bareCommitsPerSecond: number
  bareJobsPerSecond: number
  /** Transactions that wrote something, BullMQ's own left out. */
  commitsPerRegistration: number
  jobsPerRegistration: number
  allowedPerSecond: number
  ratio: number
  processor: ProcessorMs
}

/** Processor time per registration, in ms, by who took it. */
export type ProcessorMs = { server: number; workers: number; postgresql: number; redis: number }

const models = 50
const pollMs = 20
const patienceMs = 120_000

/** Measures rounds of load, and takes each figure's median. */
export async function measureThroughput(stage: Stage, size: ThroughputSize): Promise<Round> {
  await timeLoad(stage, size.warmUp)
  const rounds: Round[] = []
  for (let round = 0; round < size.rounds; round++) rounds.push(await measureRound(stage, size))
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure))
  return {
    registrationsPerSecond: middle((round) => round.registrationsPerSecond),
    answer: {
      samples: rounds.length * size.registrations,
      p50: middle((round) => round.answer.p50),
      p99: middle((round) => round.answer.p99),
    },
    bareCommitsPerSecond: middle((round) => round.bareCommitsPerSecond),
    bareJobsPerSecond: middle((round) => round.bareJobsPerSecond),
    commitsPerRegistration: middle((round) => round.commitsPerRegistration),
    jobsPerRegistration: middle((round) => round.jobsPerRegistration),
    allowedPerSecond: middle((round) => round.allowedPerSecond),
    ratio: middle((round) => round.ratio),
    processor: {
      server: middle((round) => round.processor.server),
      workers: middle((round) => round.processor.workers),
      postgresql: middle((round) => round.processor.postgresql),
      redis: middle((round) => round.processor.redis),
    },
  }
}

// What else the machine does then disturbs the bare parts as it disturbs Greenroom.
async function measureRound(stage: Stage, size: ThroughputSize): Promise<Round> {
  const bareCommitsPerSecond = await timeBareCommits(stage, size.bareCommits)
  const beforeJobs = await countWork(stage)
  const bareJobsPerSecond = await timeBareJobs(stage, size.bareJobs)
  const before = await countWork(stage)
  const busyBefore = await readProcessors(stage)
  const { perSecond, answer } = await timeLoad(stage, size.registrations)
  const after = await countWork(stage)
  const busyAfter = await readProcessors(stage)

  const jobsPerRegistration = (after.jobs - before.jobs) / size.registrations
  // On PostgreSQL the queue commits to the same server. That belongs to the jobs, and is taken off here.
  const commitsPerJob = stage.redisUrl === null ? (before.commits - beforeJobs.commits) / size.bareJobs : 0
  const commitsPerRegistration =
    (after.commits - before.commits) / size.registrations - jobsPerRegistration * commitsPerJob
  const allowedPerSecond =
    1 / (commitsPerRegistration / bareCommitsPerSecond + jobsPerRegistration / bareJobsPerSecond)
  return {
    registrationsPerSecond: perSecond,
    answer,
    bareCommitsPerSecond,
    bareJobsPerSecond,
    commitsPerRegistration,
    jobsPerRegistration,
    allowedPerSecond,
    ratio: perSecond / allowedPerSecond,
    processor: {
      server: (busyAfter.server - busyBefore.server) / size.registrations,
      workers: (busyAfter.workers - busyBefore.workers) / size.registrations,
      postgresql: (busyAfter.postgresql - busyBefore.postgresql) / size.registrations,
      redis: (busyAfter.redis - busyBefore.redis) / size.registrations,
    },
  }
}

/** Processor time that each part has taken since it was started; PostgreSQL's is that of all its processes. */
async function readProcessors({ db, serve, work, redisPid }: Stage): Promise<ProcessorMs> {
  const { rows } = await db.query<{ pid: number }>('select pg_backend_pid() as pid')
  const postmaster = parentOf(rows[0]?.pid ?? 0)
  const sum = (pids: number[]) => pids.reduce((total, pid) => total + processorMsOf(pid), 0)
  return {
    server: sum(familyOf(serve.pid)),
    workers: sum(familyOf(work.pid)),
    postgresql: sum(familyOf(postmaster)),
    redis: redisPid === null ? 0 : sum([redisPid]),
  }
}

/** Sends webhooks as fast as they are answered, and waits until the last version is in Staging. */
async function timeLoad(stage: Stage, count: number): Promise<{ perSecond: number; answer: Spread }> {
  const { url, sender } = stage
  const deliveries = Array.from({ length: count }, (_, index) => sender.sign(`open-${index % models}`))
  const expected = (await countInStaging(stage)) + count
  const answers: number[] = []
  const started = performance.now()
  await inParallel(deliveries, concurrency, async (delivery) => {
    const sent = performance.now()
    await sender.send(url, delivery)
    answers.push(performance.now() - sent)
  })
  while ((await countInStaging(stage)) < expected) {
    if (performance.now() - started > patienceMs)
      throw new Error(`not all of ${count} versions came to Staging`)
    await sleep(pollMs)
  }
  return { perSecond: (count * 1_000) / (performance.now() - started), answer: spreadOf(answers) }
}

async function countInStaging({ db }: Stage): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from model_version where stage = 'Staging'`,
  )
  return rows[0]?.count ?? 0
}

/** Transactions that wrote something since the server was made, and jobs that were handed to a queue. */
async function countWork({ db }: Stage): Promise<{ commits: number; jobs: number }> {
  // Every transaction that writes takes the next id; one that only reads takes none.
  const { rows } = await db.query<{ commits: number; jobs: number }>(
    `select pg_snapshot_xmax(pg_current_snapshot())::text::float8 as commits,
            (select coalesce(sum(attempt), 0)::int from command) as jobs`,
  )
  return rows[0] ?? { commits: 0, jobs: 0 }
}
