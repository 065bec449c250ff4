import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { register } from '../../src/lifecycle.ts'
import { findVersion } from '../../src/store/versions.ts'
import { commandRunner, giveUpOn } from '../../src/workers/commands.ts'
import { startDispatcher } from '../../src/workers/dispatcher.ts'
import { openQueues } from '../../src/workers/queues.ts'
import { runCheckCommand } from '../../src/workers/run-check.ts'
import { type CommandRunner, startWorkers } from '../../src/workers/workers.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { serveHttp } from '../helpers/http-server.ts'
import { actor, claimAll, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { until } from '../helpers/until.ts'
import { commandDeps } from './command-deps.ts'

const policy = policyOf('defaults: { validate: [artifact], test: [] }')

/** Registers a version whose artifact is at a place that answers with each of these statuses, and then with the last. */
async function registerFar(...statuses: number[]) {
  const database = await openTestDatabase()
  onTestFinished(() => database.close())
  const place = await serveHttp((_, __, response) => {
    response.writeHead((statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200).end('a model')
  })
  onTestFinished(() => place.close())
  const places = placesBelow([`${place.url}/`], null)
  const deps = commandDeps(database.db, lifecycleDeps(policy), { places })
  await register(database.db, registration('m', { source: `${place.url}/m.onnx` }), actor('ci'), deps)
  return { database, deps }
}

/** Has workers check it to the end; gives where the version stands then. */
async function workOn({ database, deps }: Awaited<ReturnType<typeof registerFar>>, run: CommandRunner) {
  const log = pino({ level: 'silent' })
  const queues = await openQueues({ redisUrl: null, databaseUrl: database.url, onError: () => {} })
  const concurrency = { checks: 1, notifications: 1, deliveries: 1 }
  const { db, now } = deps
  const giveUp = giveUpOn(deps)
  const workers = startWorkers({ db, queues, log, run, giveUp, now, concurrency, shutdownMs: 1_000 })
  const dispatcher = startDispatcher({ db, databaseUrl: database.url, queues, log })
  const standing = async () => {
    const version = await findVersion(db, { name: 'm', version: 1 })
    return `${version?.stage}.${version?.state}`
  }
  await until(async () => (await standing()) !== 'None.validating')
  await dispatcher.stop()
  await workers.stop()
  await queues.close()
  return standing()
}

test('a version whose place is in trouble for some seconds is checked once it is there again', async () => {
  const far = await registerFar(503, 503, 503, 200)
  expect(await workOn(far, commandRunner(far.deps))).toBe('Staging.awaitingApproval')
})

test('it is stuck on a build that counts every wait as a failure', async () => {
  const far = await registerFar(503, 503, 503, 200)
  const run: CommandRunner = async (command, signal) => {
    const ended = await commandRunner(far.deps)(command, signal)
    return ended.kind === 'later' ? { kind: 'retry', why: ended.why, afterMs: null } : ended
  }
  expect(await workOn(far, run)).toBe('None.stuck')
})

test('a place is not waited for that will not, nor one that stays away for minutes', async () => {
  const minutes = 10 * 60_000
  for (const [status, attempt, ageMs, isWaitedFor] of [
    [503, 1, 0, true],
    [429, 1, 0, true],
    [403, 1, 0, false],
    [503, 3, minutes, true],
    [503, 100, 0, true],
    [503, 100, minutes, false],
  ] as const) {
    const { deps } = await registerFar(status)
    const [command] = await claimAll(deps.db)
    if (command?.kind !== 'runCheck') throw new Error('no check is due')
    const later = { ...command, attempt, createdAt: new Date(Date.now() - ageMs) }
    const ended = runCheckCommand(deps, later, new AbortController().signal)
    if (isWaitedFor) expect(await ended).toMatchObject({ kind: 'later' })
    else await expect(ended).rejects.toMatchObject({ name: 'UnavailableSourceError' })
  }
})
