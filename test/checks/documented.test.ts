import { expect, onTestFinished, test } from 'vitest'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { checkDocumented } from '../../src/checks/documented.ts'
import type { CheckSubject } from '../../src/checks/subject.ts'
import { startTracking } from '../helpers/tracking-server.ts'
import { environment, subject } from './subjects.ts'

const rule = {
  kind: 'documented',
  description: true,
  run: true,
  dataset: true,
  tags: ['team'],
  timeoutMs: 1_000,
} as const

const all = {
  description: 'trees instead of lines',
  runId: 'r1',
  tags: { dataset: '2026-11', team: 'pricing' },
}
const find = (about: Partial<CheckSubject>, wanted = {}, env = environment()) =>
  checkDocumented({ ...rule, tags: [...rule.tags], ...wanted }, subject('s', about), null, env)

test('a version of which everything has been said that is asked for passes', async () => {
  expect(await find(all)).toMatchObject({ verdict: 'passed', measured: { missing: [] } })
})

test.each([
  ['a description', { ...all, description: null }],
  ['a description', { ...all, description: ' \n' }],
  ['the run that made it', { ...all, runId: null }],
  ['the data it was trained on (tag "dataset")', { ...all, tags: { team: 'pricing' } }],
  ['the tag "team"', { ...all, tags: { dataset: '2026-11', team: '' } }],
])('%s that is missing or blank fails it, and is named', async (what, about) => {
  const found = await find(about)
  expect(found).toMatchObject({ verdict: 'failed', summary: `missing: ${what}` })
})

test('what is not asked for may be missing', async () => {
  const found = await find({ description: 'd' }, { run: false, dataset: false, tags: [] })
  expect(found.verdict).toBe('passed')
})

test('a tag named like a part of every object is not taken for said', async () => {
  const found = await find({}, { description: false, run: false, dataset: false, tags: ['constructor'] })
  expect(found.verdict).toBe('failed')
})

test('of the data the run may say it, where a tracking server knows the run', async () => {
  const datasets = [{ name: 'sales', digest: '1f2e' }]
  const runs = { r1: { artifact_uri: 's3://b/r1', datasets }, r2: { artifact_uri: 's3://b/r2' } }
  const server = await startTracking({ artifacts: {}, runs }, 'Bearer t')
  onTestFinished(() => server.close())
  const places = placesBelow([], { url: server.url, authorization: 'Bearer t' })
  const of = (runId: string) =>
    find({ ...all, runId, tags: { team: 'pricing' } }, {}, environment(undefined, { places }))
  expect((await of('r1')).verdict).toBe('passed')
  expect((await of('r2')).verdict).toBe('failed')
  expect((await of('unheard-of')).verdict).toBe('failed')
})

test('of the run the logged model may say it, before it is noted on the version', async () => {
  const datasets = [{ name: 'sales', digest: '1f2e' }]
  const runs = { r1: { artifact_uri: 's3://b/r1', datasets } }
  const logged = { name: 'model', artifact_uri: 's3://b/m' }
  const models = { 'm-1': { ...logged, source_run_id: 'r1' }, 'm-2': { ...logged, source_run_id: '' } }
  const server = await startTracking({ artifacts: {}, runs, models }, 'Bearer t')
  onTestFinished(() => server.close())
  const places = placesBelow([], { url: server.url, authorization: 'Bearer t' })
  const bare = { ...all, runId: null, tags: { team: 'pricing' } }
  const of = async (source: string, about: Partial<CheckSubject> = {}) =>
    (await find({ ...bare, source, ...about }, {}, environment(undefined, { places }))).summary
  expect(await of('models:/m-1')).toBe('everything that is asked for has been said')
  expect(await of('models:/m-1', { tags: all.tags })).toBe('everything that is asked for has been said')
  const neither = 'missing: the run that made it, the data it was trained on (tag "dataset")'
  for (const source of ['models:/m-2', 'models:/m-3', 's3://b/m']) expect(await of(source)).toBe(neither)
  const asked = server.requests.length
  expect(await of('models:/m-1', all)).toBe('everything that is asked for has been said')
  expect(server.requests).toHaveLength(asked)
})

test('a tracking server that does not answer is nobody’s fault: the check is made again', async () => {
  const places = placesBelow([], { url: 'http://127.0.0.1:9', authorization: null })
  await expect(
    find({ ...all, tags: { team: 'pricing' } }, {}, environment(undefined, { places })),
  ).rejects.toThrow()
  const model = { ...all, source: 'models:/m-1', runId: null }
  await expect(find(model, {}, environment(undefined, { places }))).rejects.toThrow()
})
