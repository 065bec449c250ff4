import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { pino } from 'pino'
import type { Config } from '../../src/config.ts'
import { buildApp, type Limits } from '../../src/http/app.ts'
import type { App, AppDeps } from '../../src/http/deps.ts'
import type { Role } from '../../src/http/roles.ts'
import { hashSecret, makeToken } from '../../src/http/token-text.ts'
import { insertToken } from '../../src/store/tokens.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { trivialPolicy } from '../helpers/policies.ts'

/** An application on a database of its own, with a token for every role and a log that can be read. */
export type AppFixture = {
  app: App
  deps: AppDeps
  database: TestDatabase
  /** Changes rows past everything that guards them, as somebody with the database in hand could. */
  tamper(statement: string, values: unknown[]): Promise<void>
  /** Header by which somebody with this role calls; the holders are named `<role>-token`. */
  as(role: Role): { authorization: string }
  logged(): Record<string, unknown>[]
  close(): Promise<void>
}

/** What a test changes of the ordinary application. */
export type Changes = Partial<Omit<AppDeps, 'config'>> & {
  config?: Partial<Config>
  limits?: Partial<Limits>
}

export const mlflowSecret = 'an mlflow secret of some length'
export const registrationKey = Buffer.from('a registration key of thirty-two')

/** A configuration as it would be loaded, for tests. */
export function testConfig(changes: Partial<Config> = {}): Config {
  return {
    host: '127.0.0.1',
    port: 0,
    publicUrl: 'http://localhost:4100',
    home: '/nonexistent',
    policyPath: null,
    databaseUrl: null,
    redisUrl: null,
    auth: 'tokens',
    slack: null,
    webhooks: { mlflow: [mlflowSecret], registrations: [registrationKey] },
    outbound: { schemes: ['https'], allowPrivateAddresses: false },
    encryptionKeys: [],
    logLevel: 'debug',
    artifactRoots: [],
    artifactUrls: [],
    tracking: null,
    workers: { checks: 1, notifications: 1, deliveries: 1, sandboxes: 1, shutdownMs: 1_000 },
    adminToken: null,
    ...changes,
  }
}

/** Opens an application; `close` closes it and drops its database. */
export async function openApp(changes: Changes = {}): Promise<AppFixture> {
  const database = await openTestDatabase()
  const lines: string[] = []
  const { config, limits, ...others } = changes
  const deps: AppDeps = {
    policy: trivialPolicy(),
    now: () => new Date(),
    newId: randomUUID,
    readsRuns: false,
    db: database.db,
    reserved: others.db ?? database.db,
    log: pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) }),
    queues: { all: [], ping: async () => {} },
    outbound: { schemes: ['https'], allowPrivateAddresses: false, resolve: async () => [] },
    keys: [],
    ...others,
    config: testConfig(config),
  }
  const app = await buildApp(deps, limits)
  const tokens = new Map<Role, string>()
  for (const role of ['viewer', 'registrar', 'approver', 'admin'] as const)
    tokens.set(role, await giveToken({ db: database.db }, `${role}-token`, [role]))
  return {
    app,
    deps,
    database,
    tamper: (statement, values) => tamper(database.url, statement, values),
    as: (role) => bearer(tokens.get(role) ?? ''),
    logged: () => lines.map((line) => JSON.parse(line)),
    close: async () => {
      await app.close()
      await database.close()
    },
  }
}

async function tamper(url: string, statement: string, values: unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('set session_replication_role = replica')
    await client.query(statement, values)
  } finally {
    await client.end()
  }
}

/** Stores a token for somebody, and gives its text. */
export async function giveToken(
  deps: Pick<AppDeps, 'db'>,
  principal: string,
  roles: Role[],
  expiresAt: Date | null = null,
): Promise<string> {
  const { id, token } = makeToken()
  const row = { id, secretHash: hashSecret(token), principal, roles, createdBy: 'test', expiresAt }
  await insertToken(deps.db, { ...row, createdAt: new Date() })
  return token
}

/** The header that shows a token. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
