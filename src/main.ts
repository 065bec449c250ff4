// The composition root: opens what a process needs, hands it over, and closes it in reverse.
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { placesBelow } from './artifacts/settings.ts'
import type { Config } from './config.ts'
import { OperatorError } from './errors.ts'
import { type HeldPort, holdPort } from './free-port.ts'
import { ensureAdminToken } from './http/admin-token.ts'
import { buildApp } from './http/app.ts'
import { consoleNotifier } from './notifiers/console.ts'
import type { Notifier } from './notifiers/notifier.ts'
import { slackNotifier } from './notifiers/slack/notifier.ts'
import { databaseOutage, redisOutage } from './outage.ts'
import { readPolicy } from './policy/load.ts'
import { openSandbox } from './runtimes/sandbox.ts'
import { explainConnection } from './store/connection-faults.ts'
import { type OpenOptions, openDatabase } from './store/database.ts'
import { startEmbeddedPostgres } from './store/embedded.ts'
import { migrate } from './store/migrate.ts'
import { replaceSecrets } from './store/webhooks.ts'
import { systemResolve } from './webhooks/guard.ts'
import { resealSecret } from './webhooks/secrets.ts'
import { within } from './within.ts'
import { commandRunner, giveUpOn } from './workers/commands.ts'
import { startDispatcher } from './workers/dispatcher.ts'
import { openQueues } from './workers/queues.ts'
import { startSweeper } from './workers/sweeper.ts'
import { startWorkers } from './workers/workers.ts'

// On top of the time that jobs have to end.
const closerMs = 5_000

/** Which parts of the program this process is. */
export type Parts = { serve: boolean; work: boolean }

/** A running process. `close` is bounded, closes in reverse order and *never rejects*. */
export type Running = { url: string | null; databaseUrl: string; close(): Promise<void> }

/** Where a process writes: its log, and the lines for people. */
export type Outputs = { log: Logger; print: (line: string) => void }

/**
 * Starts the parts that are wanted. When one of them cannot start, what was opened is closed again, and the
 * error says what to do.
 */
export async function start(config: Config, parts: Parts, outputs: Outputs): Promise<Running> {
  const closers: (() => Promise<void>)[] = []
  const close = once(async () => {
    for (const closer of closers.reverse()) {
      const closed = closer().catch((error: unknown) =>
        outputs.log.error({ err: error }, 'could not be closed'),
      )
      if ((await within(config.workers.shutdownMs + closerMs, closed)) === 'late')
        outputs.log.error('a part did not close in time; going on without it')
    }
  })
  try {
    return { ...(await open(config, parts, outputs, (closer) => closers.push(closer))), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function open(
  given: Config,
  parts: Parts,
  { log, print }: Outputs,
  onClose: (closer: () => Promise<void>) => void,
): Promise<Omit<Running, 'close'>> {
  const held = parts.serve && given.port === 0 ? await holdAnyPort(given) : null
  if (held !== null) onClose(held.release)
  const config = held === null ? given : withPort(given, held.port)
  const policy = readPolicy(config.policyPath)
  const databaseUrl = config.databaseUrl ?? (await openEmbedded(config, log, onClose))
  const onError = databaseOutage(log, Date.now).lost
  const database = { url: databaseUrl, onConnectionError: onError }
  await migrateAlone(database).catch(explainConnection)
  const db = openDatabase({ ...database, name: 'greenroom', size: 16 })
  onClose(() => db.destroy())
  // For who calls and for the ledger's leases, one statement at a time: what waits for a model's lock, or for much
  // else, takes none of these.
  const reserved = openDatabase({ ...database, name: 'greenroom reserved', size: 4, lockTimeoutMs: 1_000 })
  onClose(() => reserved.destroy())
  const redis = redisOutage(log, Date.now)
  const queues = await openQueues({
    redisUrl: config.redisUrl,
    databaseUrl,
    onError: config.redisUrl === null ? onError : redis.lost,
    onReady: redis.back,
  }).catch(explainConnection)
  onClose(() => queues.close())
  const outbound = { ...config.outbound, resolve: systemResolve }
  const deps = {
    policy,
    now: () => new Date(),
    newId: randomUUID,
    readsRuns: config.tracking !== null,
    outbound,
    keys: config.encryptionKeys,
  }

  if (parts.work) {
    const sandbox = openSandbox({ size: config.workers.sandboxes })
    onClose(() => sandbox.close())
    const places = placesBelow(config.artifactUrls, config.tracking)
    const checks = { artifactRoots: config.artifactRoots, places, sandbox }
    const commandDeps = { ...deps, db, notifier: openNotifier(config, log, print), checks }
    const workers = startWorkers({
      db: reserved,
      queues,
      log,
      run: commandRunner(commandDeps),
      giveUp: giveUpOn(commandDeps),
      now: deps.now,
      concurrency: config.workers,
      shutdownMs: config.workers.shutdownMs,
    })
    onClose(() => workers.stop())
    const sweeper = startSweeper({ db: reserved, queues, log })
    onClose(() => sweeper.stop())
    const dispatcher = startDispatcher({ db: reserved, databaseUrl, queues, log })
    onClose(() => dispatcher.stop())
  }
  if (!parts.serve) return { url: null, databaseUrl }

  const admin = await ensureAdminToken(db, config, deps)
  if (admin.kind === 'written') print(`The first admin token is in ${admin.path}.`)
  if (admin.kind === 'revoked')
    print('The token in GREENROOM_ADMIN_TOKEN was revoked and lets nobody in; set it to another one.')
  // So that a key can be taken out of the ring once another one stands before it.
  const resealed = await replaceSecrets(db, (secret, id) => resealSecret(deps.keys, secret, id))
  if (resealed > 0) log.info({ resealed }, 'secrets of webhooks were encrypted anew, with the first key')
  const app = await buildApp({ ...deps, config, db, reserved, log, queues })
  onClose(() => app.close())
  await held?.release()
  return { url: await listen(app, config), databaseUrl }
}

/** Migrates on a connection of its own, which may wait for another process that does so. */
async function migrateAlone(database: Pick<OpenOptions, 'url' | 'onConnectionError'>): Promise<void> {
  const db = openDatabase({ ...database, name: 'greenroom migrate', size: 1, lockTimeoutMs: 0 })
  try {
    await migrate(db)
  } finally {
    await db.destroy()
  }
}

function holdAnyPort(config: Config): Promise<HeldPort> {
  return holdPort(0, config.host).catch((error: unknown) => refuseAddress(error, config))
}

// What links to the server has to name its port, and is made before it listens.
function withPort(config: Config, port: number): Config {
  return { ...config, port, publicUrl: config.publicUrl.replace(/:0$/, `:${port}`) }
}

function openNotifier(config: Config, log: Logger, print: (line: string) => void): Notifier {
  if (config.slack === null) return consoleNotifier(print)
  return slackNotifier({ ...config.slack, publicUrl: config.publicUrl, log })
}

async function openEmbedded(
  config: Config,
  log: Logger,
  onClose: (closer: () => Promise<void>) => void,
): Promise<string> {
  const postgres = await startEmbeddedPostgres({
    home: config.home,
    database: 'greenroom',
    log: (line) => log.info(line),
    alarm: (line) => log.error(line),
  })
  onClose(() => postgres.stop())
  return postgres.url
}

async function listen(app: FastifyInstance, config: Config): Promise<string> {
  return app
    .listen({ host: config.host, port: config.port })
    .catch((error: unknown) => refuseAddress(error, config))
}

function refuseAddress(error: unknown, { host, port }: Config): never {
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} is taken. Stop what uses it, or set PORT to another one.`,
    EACCES: `Port ${port} may not be opened by this user; set PORT to one above 1023.`,
    EADDRNOTAVAIL: `${host} is no address of this machine; set HOST to one that is, or to 0.0.0.0 for all of them.`,
    ENOTFOUND: `There is no host ${host}; set HOST to an address of this machine, such as 127.0.0.1.`,
    EAI_AGAIN: `The host ${host} cannot be looked up now; set HOST to an address of this machine, such as 127.0.0.1.`,
  }
  const sentence = sentences[(error as { code?: string }).code ?? '']
  throw sentence === undefined ? error : new OperatorError(sentence, { cause: error })
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}
