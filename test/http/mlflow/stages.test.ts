import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../../src/http/roles.ts'
import { runChecks } from '../../helpers/lifecycle.ts'
import { policyOf } from '../../helpers/policies.ts'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
})
afterAll(() => registry.close())

const stages = ['None', 'Staging', 'Production', 'Archived']

async function standings(name: string): Promise<Record<string, string>> {
  const rows = await registry.deps.db
    .selectFrom('model_version as version')
    .innerJoin('registered_model as model', 'model.id', 'version.model_id')
    .select(['version', 'stage'])
    .where('model.name', '=', name)
    .orderBy('version')
    .execute()
  return Object.fromEntries(rows.map(({ version, stage }) => [version, stage]))
}

async function latest(name: string, wanted?: string[]): Promise<Record<string, string>> {
  const { body } = await registry.post('registered-models/get-latest-versions', { name, stages: wanted })
  const found: { version: string; current_stage: string }[] = body.model_versions ?? []
  return Object.fromEntries(found.map(({ version, current_stage }) => [current_stage, version]))
}

describe('without a gate', () => {
  test('any stage follows any other, and itself', async () => {
    await registry.make('free', 1)
    for (const from of stages)
      for (const to of stages) {
        await registry.move('free', '1', from)
        const before = await registry.get('model-versions/get', { name: 'free', version: '1' })
        await sleep(2)
        const { status, body } = await registry.move('free', '1', to)
        expect([from, to, status, body.model_version?.current_stage]).toEqual([from, to, 200, to])
        expect(body.model_version.last_updated_timestamp).toBeGreaterThan(
          before.body.model_version.last_updated_timestamp,
        )
      }
    expect((await registry.get('/api/v1/models/free/history')).body).toMatchObject({ intact: true })
  })

  test.each(['staging', 'STAGING', 'sTaGiNg'])('a stage may be written %s', async (stage) => {
    await registry.make('cases', 1)
    const { body } = await registry.move('cases', '1', stage)
    expect(body.model_version.current_stage).toBe('Staging')
  })

  test.each(['QA', 'Deleted_Internal', 'Produсtion', ' Staging', '__proto__'])(
    '%s is no stage',
    async (stage) => {
      const { status, body } = await registry.move('nobody', '1', stage)
      expect({ status, body }).toEqual({
        status: 400,
        body: error(
          'INVALID_PARAMETER_VALUE',
          `Invalid Model Version stage: ${stage}. Value must be one of None, Staging, Production, Archived.`,
        ),
      })
    },
  )

  test.each(['None', 'Archived'])(
    'nothing is archived on the way to %s, which is 400 at once',
    async (stage) => {
      const { status, body } = await registry.move('nobody', '1', stage, true)
      expect({ status, body }).toEqual({
        status: 400,
        body: error(
          'INVALID_PARAMETER_VALUE',
          `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
        ),
      })
    },
  )

  test.each(['Staging', 'Production'])(
    'going to %s archives the others there when asked to',
    async (stage) => {
      const name = await registry.make(`to-${stage}`, 4)
      const other = stage === 'Staging' ? 'Production' : 'Staging'
      await registry.move(name, '1', stage)
      await registry.move(name, '2', stage)
      await registry.move(name, '3', other)
      expect(await standings(name)).toEqual({ 1: stage, 2: stage, 3: other, 4: 'None' })
      const { body } = await registry.move(name, '4', stage, true)
      expect(await standings(name)).toEqual({ 1: 'Archived', 2: 'Archived', 3: other, 4: stage })
      const archived = await registry.get('model-versions/get', { name, version: '1' })
      expect(archived.body.model_version.last_updated_timestamp).toBe(
        body.model_version.last_updated_timestamp,
      )
    },
  )

  test('of versions that race for Production one is there in the end, and there always was one', async () => {
    await registry.make('raced', 16)
    await registry.move('raced', '1', 'Production', true)
    const seen = new Set<number>()
    let racing = true
    const watching = (async () => {
      while (racing)
        seen.add(Object.values(await standings('raced')).filter((stage) => stage === 'Production').length)
    })()
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, index) => registry.move('raced', String(index + 1), 'Production', true)),
    )
    racing = false
    await watching
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200))
    expect([...seen]).toEqual([1])
    const { body } = await registry.get('/api/v1/models/raced/history')
    expect(body.intact).toBe(true)
  })
})

describe('behind a gate', () => {
  let gated: Registry
  beforeAll(async () => {
    gated = await openRegistry({
      policy: policyOf(`
defaults:
  validate: [ { documented: { description: true } } ]
  test: []
  approval: { approvers: [approver-token] }
  protected_aliases: [champion]
models:
  tested: { test: [ { documented: { description: true } } ] }
`),
    })
  })
  afterAll(() => gated.close())

  const move = (name: string, version: string, stage: string, role: Role) =>
    gated.post('model-versions/transition-stage', { name, version, stage }, role)
  const stageOf = async (name: string, version: string) =>
    (await gated.get('model-versions/get', { name, version })).body.model_version.current_stage
  /** A version in Staging about which people have been asked. */
  const asked = async (name: string) => {
    await gated.post('registered-models/create', { name }, 'registrar')
    const body = { name, source: 's3://bucket/model', description: 'trees' }
    const made = await gated.post('model-versions/create', body, 'registrar')
    await runChecks(gated.deps.db, gated.deps)
    return made.body.model_version.version as string
  }

  test('Staging is reached through a passed validation only', async () => {
    await gated.make('held', 1)
    const { status, body } = await move('held', '1', 'Staging', 'admin')
    expect(status).toBe(400)
    expect(body).toEqual(
      error('INVALID_PARAMETER_VALUE', expect.stringMatching(/validation is still running/)),
    )
    expect(await stageOf('held', '1')).toBe('None')
  })

  test('a wish for Production is answered with 403 and where to approve, and the stage stays', async () => {
    const version = await asked('wished')
    const { status, body } = await move('wished', version, 'Production', 'registrar')
    expect(status).toBe(403)
    expect(body).toEqual(
      error('PERMISSION_DENIED', expect.stringMatching(/^Approval was asked for.*greenroom approve.*http:/)),
    )
    expect(await stageOf('wished', version)).toBe('Staging')
  })

  test('a wish that is repeated while its tests run is answered like the first', async () => {
    const version = await asked('tested')
    await move('tested', version, 'Archived', 'approver')
    const ask = () => move('tested', version, 'Production', 'registrar')
    for (const { status, body } of [await ask(), await ask()]) {
      expect(status).toBe(403)
      expect(body).toEqual(
        error('PERMISSION_DENIED', expect.stringMatching(/^Approval was asked for: its tests run now/)),
      )
    }
    expect(await stageOf('tested', version)).toBe('Staging')
  })

  test('an approver’s wish is their decision, and it goes through at once', async () => {
    const version = await asked('decided')
    const { status, body } = await move('decided', version, 'Production', 'approver')
    expect(status).toBe(200)
    expect(body.model_version).toMatchObject({ version, current_stage: 'Production' })
  })

  test('whoever made a version is its author, and cannot approve it by moving it (V5)', async () => {
    await gated.post('registered-models/create', { name: 'own' })
    const body = { name: 'own', source: 's3://bucket/model', description: 'trees', user_id: 'somebody-else' }
    await gated.post('model-versions/create', { ...body, tags: [] }, 'admin')
    await runChecks(gated.deps.db, gated.deps)
    const { status } = await move('own', '1', 'Production', 'admin')
    expect(status).toBe(403)
    expect(await stageOf('own', '1')).toBe('Staging')
  })

  test('a protected alias follows the same rule', async () => {
    const version = await asked('named')
    const give = (role: Role) =>
      gated.post('registered-models/alias', { name: 'named', alias: 'champion', version }, role)
    expect(await give('registrar')).toMatchObject({ status: 403, body: { error_code: 'PERMISSION_DENIED' } })
    expect(await give('approver')).toMatchObject({ status: 200, body: {} })
    expect(await stageOf('named', version)).toBe('Production')
  })

  test('what is in Production is neither deleted nor renamed to other rules', async () => {
    const version = await asked('kept')
    await move('kept', version, 'Production', 'approver')
    const deleted = await gated.remove('model-versions/delete', { name: 'kept', version })
    expect(deleted).toMatchObject({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } })
    expect((await gated.remove('registered-models/delete', { name: 'kept' })).status).toBe(400)
    expect(await stageOf('kept', version)).toBe('Production')
  })

  test.each([
    ['a tag', 'model-versions/set-tag', { key: 'gate', value: 'none' }],
    ['a tag of the model', 'registered-models/set-tag', { key: 'greenroom.gate', value: 'none' }],
    ['an alias', 'registered-models/alias', { alias: 'Production' }],
  ])('%s that somebody sets switches no check off', async (_, path, more) => {
    await gated.make('tagged', 1)
    await gated.post(path, { name: 'tagged', version: '1', ...more }, 'registrar')
    expect((await move('tagged', '1', 'Production', 'approver')).status).toBe(400)
    expect(await stageOf('tagged', '1')).toBe('None')
  })
})

describe('the latest versions', () => {
  test('are the highest of each stage, or of those that are asked for, with their aliases', async () => {
    await registry.make('staged', 7)
    for (const [version, stage] of [
      ['1', 'Archived'],
      ['2', 'Archived'],
      ['3', 'Production'],
      ['4', 'Production'],
      ['5', 'Staging'],
    ] as const)
      await registry.move('staged', version, stage)
    await registry.post('registered-models/alias', { name: 'staged', alias: 'champion', version: '4' })
    expect(await latest('staged')).toEqual({ None: '7', Archived: '2', Production: '4', Staging: '5' })
    expect(await latest('staged', [])).toEqual({ None: '7', Archived: '2', Production: '4', Staging: '5' })
    expect(await latest('staged', ['production', 'None', 'None'])).toEqual({ None: '7', Production: '4' })
    const { body } = await registry.get('registered-models/get-latest-versions', {
      name: 'staged',
      stages: ['Staging', 'Production'],
    })
    expect(body.model_versions).toMatchObject([
      { version: '4', aliases: ['champion'] },
      { version: '5', current_stage: 'Staging' },
    ])
    const { body: one } = await registry.get('registered-models/get-latest-versions', {
      name: 'staged',
      stages: 'Archived',
    })
    expect(one.model_versions).toMatchObject([{ version: '2' }])
  })

  test('do not tell of what was deleted', async () => {
    await registry.make('shrunk', 2)
    await registry.remove('model-versions/delete', { name: 'shrunk', version: '2' })
    expect(await latest('shrunk')).toEqual({ None: '1' })
  })

  test('of a model without versions are none', async () => {
    await registry.make('empty')
    expect((await registry.post('registered-models/get-latest-versions', { name: 'empty' })).body).toEqual({})
  })

  test('need the model, and stages that are some', async () => {
    const call = (body: object) => registry.post('registered-models/get-latest-versions', body)
    expect(await call({ name: 'zz' })).toMatchObject({
      status: 404,
      body: error('RESOURCE_DOES_NOT_EXIST', 'Registered Model with name=zz not found'),
    })
    expect((await call({ name: 'empty', stages: ['QA'] })).body.message).toMatch(
      /^Invalid Model Version stage: QA\./,
    )
  })
})
