import { expect, onTestFinished, test } from 'vitest'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { register } from '../../src/lifecycle.ts'
import { findTaggedVersion } from '../../src/store/versions.ts'
import { runReadDataset } from '../../src/workers/read-dataset.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { actor, claimAll, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { startTracking } from '../helpers/tracking-server.ts'

/** Registers a version of run r1, and reads what that was trained on; gives the version's tags. */
async function readOf(datasets: { name: string; digest: string }[], tags: Record<string, string> = {}) {
  const { db, close } = await openTestDatabase()
  onTestFinished(close)
  const runs = { r1: { artifact_uri: 's3://b/r1', datasets } }
  const server = await startTracking({ artifacts: {}, runs }, 'Bearer t')
  onTestFinished(() => server.close())
  const places = placesBelow([], { url: server.url, authorization: 'Bearer t' })
  const deps = { ...lifecycleDeps(), readsRuns: true }
  await register(db, registration('m', { runId: 'r1', tags }), actor('ci'), deps)
  const commands = (await claimAll(db)).filter((command) => command.kind === 'readDataset')
  for (const command of commands) {
    const sandbox = { run: () => Promise.reject(new Error('no model is run')), close: async () => {} }
    const checks = { artifactRoots: [], places, sandbox }
    await runReadDataset({ db, checks, now: deps.now }, command, new AbortController().signal)
  }
  return { commands: commands.length, tags: (await findTaggedVersion(db, { name: 'm', version: 1 }))?.tags }
}

const sales = { name: 'sales', digest: '1f2e' }

test('what a run was trained on becomes the version’s tag, each dataset once', async () => {
  const found = await readOf([sales, { name: 'stores', digest: '9a' }, sales])
  expect(found.tags).toEqual({ dataset: 'sales (1f2e), stores (9a)' })
})

test('a run that names no data leaves no tag', async () => {
  expect(await readOf([])).toEqual({ commands: 1, tags: {} })
})

test('what was said at the registration stands, and the run is not asked', async () => {
  expect(await readOf([sales], { dataset: '2026-11' })).toEqual({ commands: 0, tags: { dataset: '2026-11' } })
})

test('nobody is asked where there is no tracking server', async () => {
  const { db, close } = await openTestDatabase()
  onTestFinished(close)
  await register(db, registration('m', { runId: 'r1' }), actor('ci'), lifecycleDeps())
  expect((await claimAll(db)).map(({ kind }) => kind)).toEqual(['runCheck'])
})
