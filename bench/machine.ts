import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'

/** Where and when figures were taken. */
export type Circumstances = {
  date: string
  cpu: string
  cores: number
  memoryGb: number
  /** Processes that ran or waited to run, on average over the minute before. */
  load: number
  node: string
  /** Options that all processes run with; empty for none. */
  nodeOptions: string
  postgresql: string
  bullmq: string
}

/** Describes this machine, before anything is measured. */
export async function describeMachine(db: Pick<Pool, 'query'>, now: Date): Promise<Circumstances> {
  const { rows } = await db.query<{ server_version: string }>('show server_version')
  return {
    date: now.toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? Number.NaN,
    node: process.versions.node,
    nodeOptions: process.env.NODE_OPTIONS ?? '',
    postgresql: rows[0]?.server_version ?? 'unknown',
    bullmq: readBullmqVersion(),
  }
}

/** The version of a running Redis. */
export async function readRedisVersion(url: string): Promise<string> {
  const redis = new Redis(url)
  try {
    return /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown'
  } finally {
    redis.disconnect()
  }
}

function readBullmqVersion(): string {
  const manifest = new URL('../package.json', import.meta.url)
  const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as { dependencies: { bullmq: string } }
  return dependencies.bullmq
}
