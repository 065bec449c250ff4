// What one backend is measured on: a database, the server and the workers as processes of their own, and Slack's
// stand-in, all on this machine and all gone afterwards.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import { type SlackSandbox, startSlackSandbox } from '../src/sandbox/slack.ts'
import { type Child, startGreenroom } from './processes.ts'
import type { Sender } from './sender.ts'

/** Everything that the measurements of one backend use. `close` ends it, in reverse order. */
export type Stage = {
  url: string
  serve: Child
  work: Child
  /** Null: the queues are on PostgreSQL. */
  redisPid: number | null
  sender: Sender
  sandbox: SlackSandbox
  /** Connections of our own to the database of Greenroom. */
  db: pg.Pool
  databaseUrl: string
  /** Null: the queues are on PostgreSQL. */
  redisUrl: string | null
  /** A second database, empty, for the bare parts. */
  bareDatabaseUrl: string
  close(): Promise<void>
}

/** How many webhooks are under way at once, and how many checks, jobs and inserts. */
export const concurrency = 32

const approver = { id: 'U0ALICE', name: 'alice', realName: 'Alice' }

/** Opens a stage on a fresh database of a running PostgreSQL. */
export async function openStage(
  given: { postgresUrl: string; redisUrl: string | null; redisPid: number | null; name: string; dir: string },
  sender: Sender,
): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  try {
    const databaseUrl = await createDatabase(given.postgresUrl, given.name)
    const bareDatabaseUrl = await createDatabase(given.postgresUrl, `${given.name}_bare`)
    const slack = {
      signingSecret: randomBytes(16).toString('hex'),
      botToken: `xoxb-${randomBytes(16).toString('hex')}`,
    }
    const sandbox = await startSlackSandbox({ ...slack, users: [approver], now: Date.now })
    closers.push(() => sandbox.close())
    const env = {
      DATABASE_URL: databaseUrl,
      ...(given.redisUrl === null ? {} : { REDIS_URL: given.redisUrl }),
      PORT: '0',
      GREENROOM_HOME: given.dir,
      GREENROOM_POLICY: join(import.meta.dirname, 'policy.yaml'),
      GREENROOM_CHECK_CONCURRENCY: `${concurrency}`,
      REGISTRATION_WEBHOOK_SECRET: sender.secret,
      SLACK_BOT_TOKEN: slack.botToken,
      SLACK_SIGNING_SECRET: slack.signingSecret,
      SLACK_CHANNEL: sandbox.channels[0]?.id ?? '',
      SLACK_API_URL: `${sandbox.url}/api`,
    }
    const serve = await startGreenroom('serve', env, given.dir)
    closers.push(() => serve.stop())
    const work = await startGreenroom('work', env, given.dir)
    closers.push(() => work.stop())
    const url = /http:\/\/[\d.]+:\d+/.exec(serve.log())?.[0] ?? ''
    sandbox.setInteractivityUrl(`${url}/slack/interactions`)
    const db = new pg.Pool({ connectionString: databaseUrl, max: 2 })
    db.on('error', () => {}) // a server that stops while we do ends idle connections
    closers.push(() => db.end())
    const { redisUrl, redisPid } = given
    return { url, serve, work, redisPid, sender, sandbox, db, databaseUrl, redisUrl, bareDatabaseUrl, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The person who clicks. */
export const clicker = approver.id

async function createDatabase(postgresUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgresUrl })
  await client.connect()
  await client.query(`create database ${client.escapeIdentifier(name)}`)
  await client.end()
  const url = new URL(postgresUrl)
  url.pathname = `/${name}`
  return url.href
}
