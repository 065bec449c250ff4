import { sql } from 'kysely'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { LostLeaseError } from '../../src/errors.ts'
import { deleteModel } from '../../src/lifecycle/removal.ts'
import { type Registration, register } from '../../src/lifecycle.ts'
import { finishCommand } from '../../src/store/commands.ts'
import { findTaggedVersion } from '../../src/store/versions.ts'
import { startDispatcher } from '../../src/workers/dispatcher.ts'
import { openQueues } from '../../src/workers/queues.ts'
import { runReadDataset } from '../../src/workers/read-dataset.ts'
import { type CommandRunner, startWorkers } from '../../src/workers/workers.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { serveHttp } from '../helpers/http-server.ts'
import { actor, claimAll, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { startTracking } from '../helpers/tracking-server.ts'
import { until } from '../helpers/until.ts'
import { commandDeps } from './command-deps.ts'

// Less than a tracking server is waited for.
const patienceMs = 6_000

const ofRun = { runId: 'r1' }
const ofModel = { source: 'models:/m-1' }

/** Registers a version of run r1, and reads what that was trained on; gives the version's tags and its run. */
async function readOf(
  datasets: { name: string; digest: string }[],
  over: Partial<Registration> = ofRun,
  source_run_id = 'r1',
) {
  const { db, close } = await openTestDatabase()
  onTestFinished(close)
  const runs = { r1: { artifact_uri: 's3://b/r1', datasets } }
  const models = { 'm-1': { name: 'model', artifact_uri: 's3://b/m', source_run_id } }
  const server = await startTracking({ artifacts: {}, runs, models }, 'Bearer t')
  onTestFinished(() => server.close())
  const places = placesBelow([], { url: server.url, authorization: 'Bearer t' })
  const deps = { ...lifecycleDeps(), readsRuns: true }
  await register(db, registration('m', over), actor('ci'), deps)
  const commands = (await claimAll(db)).filter((command) => command.kind === 'readDataset')
  for (const command of commands)
    await runReadDataset(commandDeps(db, deps, { places }), command, new AbortController().signal)
  const version = await findTaggedVersion(db, { name: 'm', version: 1 })
  return { commands: commands.length, tags: version?.tags, run: version?.run_id }
}

const sales = { name: 'sales', digest: '1f2e' }

test('what a run was trained on becomes the version’s tag, each dataset once', async () => {
  const found = await readOf([sales, { name: 'stores', digest: '9a' }, sales])
  expect(found.tags).toEqual({ dataset: 'sales (1f2e), stores (9a)' })
})

test('a run that names no data leaves no tag', async () => {
  expect(await readOf([])).toEqual({ commands: 1, tags: {}, run: 'r1' })
})

test('what was said at the registration stands, and the run is not asked', async () => {
  const tags = { dataset: '2026-11' }
  expect(await readOf([sales], { ...ofRun, tags })).toEqual({ commands: 0, tags, run: 'r1' })
})

test('of what is known only as a logged model, the run and what that was trained on become known', async () => {
  const found = { commands: 1, tags: { dataset: 'sales (1f2e)' }, run: 'r1' }
  expect(await readOf([sales], ofModel)).toEqual(found)
  expect(await readOf([sales], { source: 'models:/other/1', downloadUri: 'models:/m-1' })).toEqual(found)
})

test('beside a logged model, too, what was said stands', async () => {
  const tags = { dataset: '2026-11' }
  expect(await readOf([sales], { ...ofModel, tags })).toEqual({ commands: 1, tags, run: 'r1' })
  expect(await readOf([sales], { ...ofModel, runId: 'r2' })).toEqual({ commands: 1, tags: {}, run: 'r2' })
})

test.each([
  ['a model that the server does not know', { source: 'models:/m-2' }, 'r1'],
  ['a model that was logged outside any run', ofModel, ''],
  ['a run whose id is none', ofModel, 'r 1'],
])('%s leaves the version without a run', async (_, over, run) => {
  expect(await readOf([sales], over, run)).toEqual({ commands: 1, tags: {}, run: null })
})

test('what is read for a model that was deleted meanwhile is said of no other that took its name', async () => {
  const { db, close } = await openTestDatabase()
  onTestFinished(close)
  const models = { 'm-1': { name: 'model', artifact_uri: 's3://b/m', source_run_id: 'r1' } }
  const runs = { r1: { artifact_uri: 's3://b/r1', datasets: [sales] } }
  const server = await startTracking({ artifacts: {}, runs, models }, 'Bearer t')
  onTestFinished(() => server.close())
  const places = placesBelow([], { url: server.url, authorization: 'Bearer t' })
  const deps = { ...lifecycleDeps(), readsRuns: true }
  await register(db, registration('m', ofModel), actor('ci'), deps)
  const [command] = (await claimAll(db)).filter((claimed) => claimed.kind === 'readDataset')
  if (command === undefined) throw new Error('nothing was to be read')
  await deleteModel(db, 'm', actor('dora'), deps)
  await register(db, registration('m'), actor('ci'), lifecycleDeps())
  const late = runReadDataset(commandDeps(db, deps, { places }), command, new AbortController().signal)
  await expect(late).rejects.toThrow(LostLeaseError)
  expect(await findTaggedVersion(db, { name: 'm', version: 1 })).toMatchObject({ tags: {}, run_id: null })
})

test('nobody is asked where there is no tracking server', async () => {
  const { db, close } = await openTestDatabase()
  onTestFinished(close)
  await register(db, registration('m', { runId: 'r1' }), actor('ci'), lifecycleDeps())
  expect((await claimAll(db)).map(({ kind }) => kind)).toEqual(['runCheck'])
})

/** How many of four checks end within some seconds while a tracking server that says nothing is asked in `queue`. */
async function checksBesides(queue: 'lookups' | 'checks'): Promise<number> {
  const { db, url, close } = await openTestDatabase()
  onTestFinished(close)
  const server = await serveHttp(() => {})
  onTestFinished(() => server.close())
  const places = placesBelow([], { url: server.url, authorization: null })
  const deps = { ...lifecycleDeps(), readsRuns: true }
  for (const name of ['a', 'b', 'c', 'd'])
    await register(db, registration(name, { runId: name }), actor('ci'), deps)
  const inAnHour = sql<Date>`now() + interval '1 hour'`
  await db.updateTable('command').set({ run_at: inAnHour }).where('kind', '=', 'runCheck').execute()
  await db.updateTable('command').set({ queue }).where('kind', '=', 'readDataset').execute()

  const run: CommandRunner = async (command, signal) => {
    if (command.kind === 'readDataset')
      return runReadDataset(commandDeps(db, deps, { places }), command, signal)
    await db.transaction().execute((trx) => finishCommand(trx, command))
    return { kind: 'done', note: 'checked' }
  }
  const log = pino({ level: 'silent' })
  const queues = await openQueues({ redisUrl: null, databaseUrl: url, onError: () => {} })
  const concurrency = { checks: 1, notifications: 1, deliveries: 1 }
  const giveUp = async () => false
  const workers = startWorkers({ db, queues, log, run, giveUp, now: deps.now, concurrency, shutdownMs: 100 })
  const dispatcher = startDispatcher({ db, databaseUrl: url, queues, log })
  onTestFinished(async () => {
    await dispatcher.stop()
    await workers.stop()
    await queues.close()
  })
  await until(() => server.requests.length > 0)
  await db.updateTable('command').set({ run_at: sql`now()` }).where('kind', '=', 'runCheck').execute()
  const checked = async () => {
    const query = db.selectFrom('command').select('id').where('kind', '=', 'runCheck')
    return (await query.where('status', '=', 'done').execute()).length
  }
  await until(async () => (await checked()) === 4, patienceMs).catch(() => {})
  return checked()
}

test('a tracking server that says nothing holds up no check; asked in the slots of checks it would', async () => {
  expect(await checksBesides('lookups')).toBe(4)
  expect(await checksBesides('checks')).toBe(0)
})
