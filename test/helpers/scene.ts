import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { TestContext } from 'vitest'
import { type SlackSandbox, startSlackSandbox } from '../../src/sandbox/slack.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import type { Backend } from './backends.ts'
import type { Edit } from './broken-builds.ts'
import type { TestCluster } from './cluster.ts'
import { openTestDatabase } from './database.ts'
import { type Line, openLine } from './line.ts'
import { findViolations, isQuiet } from './oracle.ts'
import { type Service, startService } from './processes.ts'
import { openTestRedis, type TestRedis } from './redis.ts'
import { makeRegistrar, type Registrar } from './registrar.ts'
import { until } from './until.ts'

/** What a scene differs in from the ordinary. */
export type Setting = {
  /** Where the queues are; PostgreSQL unless it says otherwise. */
  backend?: Backend['name']
  /** Instead of a database on the server that all tests share. */
  cluster?: TestCluster
  /** Whether its processes reach the database by a line that can fail. */
  byLine?: boolean
  /** More of the environment of its processes. */
  environment?: Record<string, string>
}

/** A deployment of real processes, with everybody who talks to it. */
export type Scene = {
  db: Kysely<Database>
  databaseUrl: string
  /** The line to the database; null where it is reached without one. */
  line: Line | null
  sandbox: SlackSandbox
  /** Null on PostgreSQL. */
  redis: TestRedis | null
  registrar: Registrar
  /** Starts a server; registrations and clicks go to the newest one. */
  serve(edits?: Edit[]): Promise<Service>
  work(edits?: Edit[]): Promise<Service>
  /** Waits until a worker has claimed a command of this model, in this attempt or a later one. */
  untilAtWork(model: string, attempt?: number): Promise<void>
  /** Waits until nothing is under way, for `limitMs` at most; `violations` tells what is then left. */
  settle(limitMs: number): Promise<void>
  /** What the oracle finds, and which processes have ended by themselves. */
  violations(): Promise<string[]>
}

/** The people who may approve, by their Slack ids. */
export const people = ['U0P0', 'U0P1', 'U0P2', 'U0P3', 'U0P4', 'U0P5', 'U0P6', 'U0P7'] as const
const fixtures = new URL('../fixtures/diabetes', import.meta.url).pathname
/** What registrations are signed with. */
export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const signingSecret = 'the signing secret of the sandbox'
const botToken = 'xoxb-sandbox'

/** Opens a scene for a test, without any process yet. Everything in it ends with that test. */
export async function openScene(
  { onTestFailed, onTestFinished }: Pick<TestContext, 'onTestFailed' | 'onTestFinished'>,
  setting: Setting = {},
): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-scene-'))
  const database = await (setting.cluster === undefined ? openTestDatabase() : openOn(setting.cluster))
  const line = setting.byLine === true ? await openLine(database.url) : null
  const redis = setting.backend === 'Redis' ? await openTestRedis() : null
  await redis?.flushAll()
  const users = people.map((id) => ({ id, name: id.toLowerCase(), realName: id }))
  const sandbox = await startSlackSandbox({ signingSecret, botToken, users, now: Date.now })
  await writeFile(join(dir, 'greenroom.yaml'), JSON.stringify(policy))
  const environment = {
    HOST: '127.0.0.1',
    PORT: '0',
    GREENROOM_HOME: dir,
    GREENROOM_POLICY: join(dir, 'greenroom.yaml'),
    GREENROOM_AUTH: 'off',
    GREENROOM_SANDBOXES: '1',
    GREENROOM_ARTIFACT_ROOTS: fixtures,
    DATABASE_URL: line?.url ?? database.url,
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
    REGISTRATION_WEBHOOK_SECRET: webhookSecret,
    SLACK_BOT_TOKEN: botToken,
    SLACK_SIGNING_SECRET: signingSecret,
    SLACK_CHANNEL: sandbox.channels[0]?.id ?? '',
    SLACK_API_URL: `${sandbox.url}/api`,
    ...setting.environment,
  }
  const services: Service[] = []
  let url = 'http://127.0.0.1:9'
  const registrar = makeRegistrar(webhookSecret, () => url)
  const evidence = { db: database.db, sandbox, journal: registrar.journal }
  const start = async (part: Service['part'], edits?: Edit[]): Promise<Service> => {
    const service = startService(part, environment, dir, edits)
    services.push(service)
    const at = await service.ready
    if (at !== null) {
      url = at
      sandbox.setInteractivityUrl(`${url}/slack/interactions`)
    }
    return service
  }
  onTestFailed(() => console.log(services.map(tell).join('\n')))
  onTestFinished(async () => {
    await Promise.all(services.map((service) => service.kill()))
    await sandbox.close()
    await line?.close()
    await database.close()
    await redis?.close()
    await rm(dir, { recursive: true, force: true })
  })
  return {
    db: database.db,
    databaseUrl: database.url,
    line,
    sandbox,
    redis,
    registrar,
    serve: (edits) => start('serve', edits),
    work: (edits) => start('work', edits),
    untilAtWork: (model, attempt = 1) => until(() => isAtWork(database.db, model, attempt), 20_000),
    // A database that is away has something under way.
    settle: (limitMs) => until(() => isQuiet(evidence).catch(() => false), limitMs).catch(() => {}),
    violations: async () => [
      ...services.flatMap(({ part, crash }) => (crash() === null ? [] : [`L4: \`${part}\` ${crash()}`])),
      ...(await findViolations(evidence)),
    ],
  }
}

async function isAtWork(db: Kysely<Database>, model: string, attempt: number): Promise<boolean> {
  const running = db.selectFrom('command').select('attempt').where('status', '=', 'running')
  const found = await running.where('model', '=', model).where('attempt', '>=', attempt).execute()
  return found.length > 0
}

async function openOn({ url }: TestCluster) {
  const db = openDatabase({ url, size: 4, name: 'test', onConnectionError: () => {} })
  return { db, url, close: () => db.destroy() }
}

// Spinning takes all of its time; the others have more than they need.
const limits = { metrics: { score: { min: 0 } } }
const policy = {
  people: Object.fromEntries(people.map((id) => [id.toLowerCase(), { slack: id }])),
  defaults: {
    validate: [limits],
    test: [],
    approval: { approvers: people.map((id) => id.toLowerCase()), quorum: 1, expires: 'never' },
  },
  models: {
    'spin-*': { validate: [{ smoke: { timeout: '3s' } }] },
    'smoke-*': { validate: [{ smoke: { timeout: '30s' } }] },
  },
}

const mostTold = 15

/** What a process wrote, or the last lines of it that are about trouble. */
function tell({ part, lines }: Service): string {
  if (lines.length <= mostTold) return [`${part}:`, ...lines].join('\n  ')
  const troubled = lines.filter((line) => !/"level":"(info|debug)"/.test(line)).slice(-mostTold)
  return [`${part}, ${lines.length} lines; the last warnings:`, ...troubled].join('\n  ')
}
