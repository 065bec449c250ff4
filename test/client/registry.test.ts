import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  getModelInfo,
  getModelVersion,
  listRegisteredModels,
  type Options,
  promoteModel,
} from '../../src/client/index.ts'
import { register } from '../../src/lifecycle.ts'
import { actor, lifecycleDeps, registerToApproval, registration, runChecks } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { type AppFixture, giveToken, openApp } from '../http/app-fixture.ts'

const policy = policyOf(`
defaults:
  validate: [ { metrics: { score: { min: 0 } } } ]
  test: []
  approval: { approvers: [alice, bob], quorum: 1 }
models:
  'free-*': { gate: none, validate: [] }
  'pair-*': { approval: { quorum: 2 } }
`)
const deps = lifecycleDeps(policy)

let fixture: AppFixture
let as: Record<'alice' | 'bob' | 'viewer' | 'registrar', Options>

beforeAll(async () => {
  fixture = await openApp({ policy })
  const url = await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  const token = async (name: string, role: 'viewer' | 'registrar' | 'approver'): Promise<Options> => ({
    url,
    token: await giveToken(fixture.deps, name, [role]),
    env: {},
  })
  as = {
    alice: await token('alice', 'approver'),
    bob: await token('bob', 'approver'),
    viewer: await token('viewer', 'viewer'),
    registrar: await token('registrar', 'registrar'),
  }
})
afterAll(() => fixture.close())

const registerVersion = async (name: string, over: Parameters<typeof registration>[1] = {}) =>
  (await register(fixture.deps.db, registration(name, over), actor('ci'), deps)).version
const toApproval = async (name: string) => (await registerToApproval(fixture.deps.db, deps, name)).version

describe('what is asked of the registry', () => {
  test('the names of its models come in their order', async () => {
    for (const name of ['list-b', 'list-a']) await registerVersion(name)
    const names = await listRegisteredModels(as.viewer)
    expect(names.filter((name) => name.startsWith('list-'))).toEqual(['list-a', 'list-b'])
  })

  test('the newest version in a stage is told, and null when none is there', async () => {
    const first = await toApproval('staged')
    const second = await toApproval('staged')
    await registerVersion('staged')
    expect(await getModelVersion('staged', { stage: 'Staging' }, as.viewer)).toBe(second)
    expect(await getModelVersion('staged', { stage: 'Production' }, as.viewer)).toBeNull()
    await promoteModel({ name: 'staged', version: first }, as.alice)
    expect(await getModelVersion('staged', { stage: 'Production' }, as.viewer)).toBe(first)
  })

  test('a version comes with what it was made from', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const facts = { runId: 'r1', description: 'd', author: 'carol', digest, metrics: { score: 0.5 } }
    await registerVersion('known', { ...facts, tags: { dataset: '2026-11', team: 'x' } })
    for (const version of [1, '1'])
      expect(await getModelInfo('known', { version }, as.viewer)).toEqual({
        name: 'known',
        version: 1,
        currentStage: 'None',
        state: 'validating',
        runId: 'r1',
        source: 'file:///models/known',
        digest,
        description: 'd',
        tags: { dataset: '2026-11', team: 'x' },
        dataset: '2026-11',
        metrics: { score: 0.5 },
        author: 'carol',
        registeredBy: 'ci',
        createdAt: expect.any(Date),
        updatedAt: expect.any(Date),
      })
  })

  test('what is not there, and what is no version, is told apart', async () => {
    const missing = { name: 'ApiError', status: 404, code: 'not_found' }
    await expect(getModelInfo('nobody', {}, as.viewer)).rejects.toMatchObject(missing)
    await expect(getModelVersion('nobody', { stage: 'Staging' }, as.viewer)).rejects.toMatchObject(missing)
    for (const version of ['v1', '1e3', ' 1', 0, -1, 1.5, '9999999999'])
      await expect(getModelInfo('known', { version }, as.viewer)).rejects.toMatchObject({
        name: 'InvalidInputError',
      })
  })
})

describe('promoting', () => {
  test('to Production asks, and is an approval when an approver does it; the one before is archived', async () => {
    const first = await toApproval('line')
    const asked = await promoteModel({ name: 'line', version: first, stage: 'Production' }, as.registrar)
    expect(asked).toMatchObject({
      outcome: 'asked',
      stage: 'Staging',
      state: 'awaitingApproval',
      replaced: [],
    })
    expect(asked.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(asked.why).toContain('an approver of this model must decide')
    const approved = await promoteModel({ name: 'line', version: String(first) }, as.alice)
    expect(approved).toMatchObject({ outcome: 'promoted', version: first, stage: 'Production', replaced: [] })
    const second = await toApproval('line')
    const wish = { name: 'line', version: second, archiveExisting: true, reason: 'better' }
    expect(await promoteModel(wish, as.bob)).toMatchObject({ outcome: 'promoted', replaced: [first] })
    expect(await promoteModel(wish, as.bob)).toMatchObject({ outcome: 'already_there', stage: 'Production' })
  })

  test('counts as many people as the policy wants', async () => {
    const version = await toApproval('pair-1')
    const wish = { name: 'pair-1', version }
    expect(await promoteModel(wish, as.alice)).toMatchObject({ outcome: 'counted', stage: 'Staging' })
    expect(await promoteModel(wish, as.bob)).toMatchObject({ outcome: 'promoted', stage: 'Production' })
  })

  test('may leave what is in Production beside it, where the policy lets people move freely', async () => {
    for (let i = 0; i < 2; i += 1) {
      const version = await registerVersion('free-1')
      await runChecks(fixture.deps.db, deps)
      const wish = { name: 'free-1', version, archiveExisting: false }
      expect(await promoteModel(wish, as.registrar)).toMatchObject({ outcome: 'moved', stage: 'Production' })
    }
    const { versions } = await getModelInfo('free-1', {}, as.viewer)
    expect(versions.map(({ stage }) => stage)).toEqual(['Production', 'Production'])
  })

  test('tells what it archived, also where people move freely', async () => {
    const wishes = []
    for (let i = 0; i < 2; i += 1) {
      wishes.push({ name: 'free-2', version: await registerVersion('free-2'), archiveExisting: true })
      await runChecks(fixture.deps.db, deps)
    }
    const moves = []
    for (const wish of wishes) moves.push(await promoteModel(wish, as.registrar))
    expect(moves).toMatchObject([{ replaced: [] }, { replaced: [wishes[0]?.version] }])
  })

  test('reads a stage in any case, and knows no other', async () => {
    const version = await toApproval('any-case')
    const to = (stage: string) =>
      promoteModel({ name: 'any-case', version, stage: stage as 'Production' }, as.alice)
    await expect(to('Live')).rejects.toMatchObject({ name: 'InvalidInputError', code: 'invalid_stage' })
    await expect(to('none')).rejects.toMatchObject({ name: 'InvalidInputError' })
    expect(await to('production')).toMatchObject({ outcome: 'promoted' })
  })

  test('to Staging is what the checks do: they run, or run again, and nobody is asked', async () => {
    const version = await registerVersion('checked')
    const wish = { name: 'checked', version, stage: 'Staging' } as const
    expect(await promoteModel(wish, as.registrar)).toMatchObject({ outcome: 'testing', stage: 'None' })
    await runChecks(fixture.deps.db, deps, 'failed')
    expect(await promoteModel(wish, as.registrar)).toMatchObject({ outcome: 'testing', state: 'validating' })
    await runChecks(fixture.deps.db, deps)
    expect(await promoteModel(wish, as.registrar)).toMatchObject({
      outcome: 'already_there',
      stage: 'Staging',
    })
  })

  test('to Archived takes it out, once', async () => {
    const wish = { name: 'gone', version: await toApproval('gone'), stage: 'Archived' } as const
    expect(await promoteModel(wish, as.alice)).toMatchObject({ outcome: 'moved', stage: 'Archived' })
    expect(await promoteModel(wish, as.alice)).toMatchObject({ outcome: 'already_there', stage: 'Archived' })
  })

  test('what the server refuses is thrown with its code', async () => {
    const wish = { name: 'refused', version: await toApproval('refused') }
    await expect(promoteModel(wish, as.viewer)).rejects.toMatchObject({ name: 'ApiError', status: 403 })
    const none = { ...as.viewer, token: 'gr_wrong' }
    await expect(promoteModel(wish, none)).rejects.toMatchObject({ code: 'unauthorized' })
  })
})

test('where the server is and who calls comes from the environment when it is not said', async () => {
  const { url = '', token = '' } = as.viewer
  const env = { GREENROOM_URL: url, GREENROOM_TOKEN: token }
  expect(await listRegisteredModels({ env })).toBeInstanceOf(Array)
  await expect(listRegisteredModels({ env: {}, url: 'localhost' })).rejects.toThrow(
    'url cannot be used. It must be',
  )
})

// Last, for it leaves a thousand checks to be made.
test('a model comes with every version, newest first, each with its stage', async () => {
  await toApproval('many')
  for (let i = 0; i < 1_001; i += 1) await registerVersion('many')
  const { name, description, versions } = await getModelInfo('many', {}, as.viewer)
  expect({ name, description, count: versions.length }).toEqual({
    name: 'many',
    description: null,
    count: 1_002,
  })
  expect(versions.map(({ version }) => version)).toEqual(Array.from(versions, (_, index) => 1_002 - index))
  expect(versions.at(-1)).toMatchObject({ version: 1, stage: 'Staging', state: 'awaitingApproval' })
})
