import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
})
afterAll(() => registry.close())

const missing = (name: string) => ({
  status: 404,
  body: error('RESOURCE_DOES_NOT_EXIST', `Registered Model with name=${name} not found`),
})
const nothing = { status: 200, body: {} }

async function load(name: string) {
  return (await registry.get('registered-models/get', { name })).body.registered_model
}

/** What a call does to a model's time of change. */
async function touches(name: string, change: () => Promise<unknown>): Promise<boolean> {
  const before = await load(name)
  await sleep(5)
  await change()
  const after = await load(name)
  expect(after.creation_timestamp).toBe(before.creation_timestamp)
  return after.last_updated_timestamp > before.last_updated_timestamp
}

describe('a registered model', () => {
  test('is made with what is said of it, and nothing else is told', async () => {
    const { status, body } = await registry.post('registered-models/create', {
      name: 'full',
      description: 'predicts sales',
      tags: [{ key: 'team', value: 'first' }, { key: 'team', value: 'sales' }, { key: 'empty' }],
      deployment_job_id: '7',
    })
    const at = body.registered_model.creation_timestamp
    expect(Math.abs(at - Date.now())).toBeLessThan(10_000)
    const full = {
      name: 'full',
      creation_timestamp: at,
      last_updated_timestamp: at,
      description: 'predicts sales',
      tags: [
        { key: 'empty', value: '' },
        { key: 'team', value: 'sales' },
      ],
    }
    expect({ status, body }).toEqual({ status: 200, body: { registered_model: full } })
    expect((await registry.get('registered-models/get', { name: 'full' })).body).toEqual(body)
  })

  test('that has nothing is a name and two times', async () => {
    const { body } = await registry.post('registered-models/create', { name: 'bare', description: '' })
    expect(Object.keys(body.registered_model)).toEqual([
      'name',
      'creation_timestamp',
      'last_updated_timestamp',
    ])
  })

  test('shows the newest version of every stage, without their aliases, and its own', async () => {
    await registry.make('shown', 3)
    await registry.move('shown', '2', 'Production')
    await registry.post('registered-models/alias', { name: 'shown', alias: 'champion', version: '2' })
    const model = await load('shown')
    expect(model.aliases).toEqual([{ alias: 'champion', version: '2' }])
    expect(model.latest_versions).toMatchObject([
      { version: '2', current_stage: 'Production' },
      { version: '3', current_stage: 'None' },
    ])
    for (const version of model.latest_versions) expect(version).not.toHaveProperty('aliases')
  })

  test('cannot have a name that is taken', async () => {
    await registry.make('twice')
    const { status, body } = await registry.post('registered-models/create', { name: 'twice' })
    expect({ status, body }).toEqual({
      status: 400,
      body: error('RESOURCE_ALREADY_EXISTS', 'Registered Model (name=twice) already exists.'),
    })
  })

  test('is made once, however many ask at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => registry.post('registered-models/create', { name: 'raced' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(400)])
  })

  test('is found under no name but its own', async () => {
    expect(await registry.get('registered-models/get', { name: 'zz' })).toMatchObject(missing('zz'))
    await registry.make('Case')
    expect(await registry.get('registered-models/get', { name: 'case' })).toMatchObject(missing('case'))
  })
})

describe('updating a model', () => {
  test('sets its description, or empties it when none is sent', async () => {
    await registry.make('described')
    const set = await registry.patch('registered-models/update', { name: 'described', description: 'é 🎷' })
    expect(set.body.registered_model.description).toBe('é 🎷')
    const emptied = await registry.patch('registered-models/update', { name: 'described' })
    expect(emptied.status).toBe(200)
    expect(emptied.body.registered_model).not.toHaveProperty('description')
  })

  test('needs the model', async () => {
    expect(await registry.patch('registered-models/update', { name: 'zz' })).toMatchObject(missing('zz'))
  })
})

describe('renaming a model', () => {
  test('keeps its versions, tags, aliases and history', async () => {
    await registry.make('before', 2)
    await registry.post('registered-models/set-tag', { name: 'before', key: 'k', value: 'v' })
    await registry.post('registered-models/alias', { name: 'before', alias: 'a', version: '1' })
    const old = await load('before')
    await sleep(5)
    const { status, body } = await registry.post('registered-models/rename', {
      name: 'before',
      new_name: 'after',
    })
    const { registered_model: renamed } = body
    expect(status).toBe(200)
    expect(renamed).toMatchObject({ name: 'after', tags: old.tags, aliases: old.aliases })
    expect(renamed.creation_timestamp).toBe(old.creation_timestamp)
    expect(renamed.last_updated_timestamp).toBeGreaterThan(old.last_updated_timestamp)
    expect(await registry.get('registered-models/get', { name: 'before' })).toMatchObject(missing('before'))
    const version = await registry.get('model-versions/get', { name: 'after', version: '1' })
    expect(version.body.model_version).toMatchObject({
      name: 'after',
      aliases: ['a'],
      last_updated_timestamp: renamed.last_updated_timestamp,
    })
    const history = await registry.get('/api/v1/models/after/history')
    expect(history.body.intact).toBe(true)
    expect(history.body.events.at(-1)).toMatchObject({
      type: 'modelRenamed',
      version: null,
      detail: { from: 'before', to: 'after' },
      actor: 'admin-token',
      channel: 'mlflow',
    })
  })

  test('to its own name is a change like any other', async () => {
    await registry.make('same')
    const call = () => registry.post('registered-models/rename', { name: 'same', new_name: 'same' })
    expect(await touches('same', call)).toBe(true)
  })

  test('to a name that is taken is refused, without a word of SQL', async () => {
    await registry.make('one')
    await registry.make('two')
    const { status, body } = await registry.post('registered-models/rename', { name: 'one', new_name: 'two' })
    expect({ status, body }).toEqual({
      status: 400,
      body: error('RESOURCE_ALREADY_EXISTS', 'Registered Model (name=two) already exists.'),
    })
    expect(await load('one')).toMatchObject({ name: 'one' })
  })

  test('needs the model', async () => {
    const call = registry.post('registered-models/rename', { name: 'zz', new_name: 'yy' })
    expect(await call).toMatchObject(missing('zz'))
  })
})

describe('deleting a model', () => {
  test('takes everything with it, and its name begins anew', async () => {
    await registry.make('gone', 2)
    await registry.post('registered-models/set-tag', { name: 'gone', key: 'k', value: 'v' })
    await registry.post('registered-models/alias', { name: 'gone', alias: 'a', version: '1' })
    expect(await registry.remove('registered-models/delete', { name: 'gone' })).toMatchObject(nothing)
    expect(await registry.get('registered-models/get', { name: 'gone' })).toMatchObject(missing('gone'))
    expect((await registry.get('model-versions/get', { name: 'gone', version: '1' })).status).toBe(404)
    expect(await registry.remove('registered-models/delete', { name: 'gone' })).toMatchObject(missing('gone'))
    await registry.make('gone', 1)
    const model = await load('gone')
    expect(model.latest_versions.map(({ version }: { version: string }) => version)).toEqual(['1'])
    expect(model).not.toHaveProperty('tags')
    expect(model).not.toHaveProperty('aliases')
  })
})

describe('tags of a model', () => {
  test('are set, set anew and taken off; taking off what is not there changes nothing', async () => {
    await registry.make('tagged')
    const set = (key: string, value?: string) =>
      registry.post('registered-models/set-tag', { name: 'tagged', key, value })
    const off = (key: string) => registry.remove('registered-models/delete-tag', { name: 'tagged', key })
    expect(await set('k', 'v')).toMatchObject(nothing)
    expect(await set('k', 'w')).toMatchObject(nothing)
    expect(await set('empty')).toMatchObject(nothing)
    expect(await set('__proto__', 'plain')).toMatchObject(nothing)
    expect((await load('tagged')).tags).toEqual([
      { key: '__proto__', value: 'plain' },
      { key: 'empty', value: '' },
      { key: 'k', value: 'w' },
    ])
    expect(await off('k')).toMatchObject(nothing)
    expect(await off('k')).toMatchObject(nothing)
    expect((await load('tagged')).tags).toHaveLength(2)
  })

  test('need the model', async () => {
    const tag = { name: 'zz', key: 'k', value: 'v' }
    expect(await registry.post('registered-models/set-tag', tag)).toMatchObject(missing('zz'))
    expect(await registry.remove('registered-models/delete-tag', tag)).toMatchObject(missing('zz'))
  })
})

describe('a model’s time of change', () => {
  const name = 'timed'
  const ref = { name, version: '1' }
  beforeAll(() => registry.make(name, 2))

  test.each<[string, () => Promise<unknown>]>([
    ['an update', () => registry.patch('registered-models/update', { name })],
    ['a new version', () => registry.post('model-versions/create', { name, source: 's3://b/p' })],
    ['a transition', () => registry.move(name, '1', 'Staging')],
    ['a deleted version', () => registry.remove('model-versions/delete', { name, version: '2' })],
  ])('moves with %s', async (_, call) => {
    expect(await touches(name, call)).toBe(true)
  })

  test.each<[string, () => Promise<unknown>]>([
    ['an alias', () => registry.post('registered-models/alias', { ...ref, alias: 'a' })],
    ['an alias taken away', () => registry.remove('registered-models/alias', { name, alias: 'a' })],
    ['a tag', () => registry.post('registered-models/set-tag', { name, key: 'k', value: 'v' })],
    ['a tag taken off', () => registry.remove('registered-models/delete-tag', { name, key: 'k' })],
    ['a tag of a version', () => registry.post('model-versions/set-tag', { ...ref, key: 'k', value: 'v' })],
    ['a version’s description', () => registry.patch('model-versions/update', { ...ref, description: 'd' })],
  ])('stays with %s', async (_, call) => {
    expect(await touches(name, call)).toBe(false)
  })
})
