import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { giveToken } from '../app-fixture.ts'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
})
afterAll(() => registry.close())

const missing = (name: string, version: string) => ({
  status: 404,
  body: error('RESOURCE_DOES_NOT_EXIST', `Model Version (name=${name}, version=${version}) not found`),
})
const nothing = { status: 200, body: {} }

async function load(name: string, version: string) {
  return (await registry.get('model-versions/get', { name, version })).body.model_version
}

describe('a model version', () => {
  test('that was registered with nothing but a source has MLflow’s fields, and a few more', async () => {
    await registry.make('m1')
    const { status, body } = await registry.post('model-versions/create', { name: 'm1', source: 's3://b/p' })
    const at = body.model_version.creation_timestamp
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        model_version: {
          name: 'm1',
          version: '1',
          creation_timestamp: at,
          last_updated_timestamp: at,
          current_stage: 'None',
          description: '',
          source: 's3://b/p',
          run_id: '',
          status: 'READY',
          run_link: '',
          author: 'admin-token',
          lifecycle_state: 'validating',
        },
      },
    })
    expect(Math.abs(at - Date.now())).toBeLessThan(10_000)
    expect((await registry.get('model-versions/get', { name: 'm1', version: '1' })).body).toEqual(body)
  })

  test('keeps all that is said of it', async () => {
    await registry.make('kept')
    const said = {
      name: 'kept',
      source: 's3://b/p',
      run_id: 'a'.repeat(32),
      run_link: 'https://tracking.example/runs/1',
      description: 'é 🎷',
    }
    const tags = [
      { key: 'b', value: '1' },
      { key: 'b', value: '2' },
      { key: '__proto__', value: 'plain' },
      { key: 'a' },
    ]
    const { body } = await registry.post('model-versions/create', { ...said, tags, model_id: 'm-1' })
    expect(body.model_version).toMatchObject(said)
    expect(body.model_version).not.toHaveProperty('model_id')
    const read = await load('kept', '1')
    expect(read).toMatchObject(said)
    expect(read.tags).toEqual([
      { key: '__proto__', value: 'plain' },
      { key: 'a', value: '' },
      { key: 'b', value: '2' },
    ])
    expect(Object.fromEntries(read.tags.map(Object.values))).toEqual(
      Object.fromEntries(body.model_version.tags.map(Object.values)),
    )
  })

  test('cannot say where it stands', async () => {
    await registry.make('bold')
    const claims = {
      current_stage: 'Production',
      stage: 'Production',
      user_id: 'boss',
      version: '7',
      author: 'boss',
    }
    const { body } = await registry.post('model-versions/create', {
      name: 'bold',
      source: 's3://b/p',
      ...claims,
    })
    expect(body.model_version).toMatchObject({ version: '1', current_stage: 'None', author: 'admin-token' })
  })

  test('is its registrar’s by the token, and nobody’s where there are none', async () => {
    await registry.make('whose')
    const token = await giveToken(registry.deps, 'dora', ['registrar'])
    const headers = {
      authorization: `Basic ${Buffer.from(`anything:${token}`).toString('base64')}`,
      'content-type': 'application/json',
    }
    const made = await registry.request(
      'POST',
      'model-versions/create',
      { name: 'whose', source: 's3://b/p' },
      headers,
    )
    expect(made.body.model_version.author).toBe('dora')
    const open = await openRegistry({ config: { auth: 'off' } })
    await open.make('whose', 1)
    const { body } = await open.get('model-versions/get', { name: 'whose', version: '1' })
    expect(body.model_version).not.toHaveProperty('author')
    await open.close()
  })

  test('is registered through the one door: it is in the history, and its checks are due', async () => {
    await registry.make('through', 1)
    const { body } = await registry.get('/api/v1/models/through/history')
    expect(body.events).toMatchObject([
      { type: 'modelCreated', version: null, to: null },
      { type: 'registered', version: 1, channel: 'mlflow', to: { stage: 'None', state: 'validating' } },
    ])
    const commands = await registry.deps.db
      .selectFrom('command')
      .select(['kind', 'status'])
      .where('model', '=', 'through')
      .execute()
    expect(commands).toEqual([{ kind: 'runCheck', status: 'pending' }])
  })

  test('of a model that is not there is refused', async () => {
    const { status, body } = await registry.post('model-versions/create', { name: 'zz', source: 's3://b/p' })
    expect({ status, body }).toEqual({
      status: 404,
      body: error('RESOURCE_DOES_NOT_EXIST', 'Registered Model with name=zz not found'),
    })
  })

  test('gets a number of its own, however many are registered at the same time', async () => {
    await registry.make('many')
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        registry.post('model-versions/create', { name: 'many', source: 's3://b/p' }),
      ),
    )
    const numbers = answers.map(({ body }) => Number(body.model_version.version)).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
  })
})

describe('updating a version', () => {
  test('sets its description, or takes it away when none is sent', async () => {
    await registry.make('described', 1)
    const ref = { name: 'described', version: '1' }
    const before = await load('described', '1')
    await sleep(5)
    const set = await registry.patch('model-versions/update', { ...ref, description: 'new' })
    expect(set.body.model_version.description).toBe('new')
    expect(set.body.model_version.last_updated_timestamp).toBeGreaterThan(before.last_updated_timestamp)
    const empty = await registry.patch('model-versions/update', { ...ref, description: '' })
    expect(empty.body.model_version.description).toBe('')
    const off = await registry.patch('model-versions/update', ref)
    expect(off.body.model_version).not.toHaveProperty('description')
  })
})

describe('deleting a version', () => {
  test('hides it and takes its aliases away; its number is never given again', async () => {
    await registry.make('numbers', 4)
    await registry.move('numbers', '3', 'Production', true)
    const alias = { name: 'numbers', alias: 'champion' }
    await registry.post('registered-models/alias', { ...alias, version: '3' })
    for (const version of ['3', '4']) {
      const ref = { name: 'numbers', version }
      expect(await registry.remove('model-versions/delete', ref)).toMatchObject(nothing)
      expect(await registry.get('model-versions/get', ref)).toMatchObject(missing('numbers', version))
      expect(await registry.remove('model-versions/delete', ref)).toMatchObject(missing('numbers', version))
      expect((await registry.get('model-versions/get-download-uri', ref)).status).toBe(404)
    }
    expect(await registry.get('registered-models/alias', alias)).toMatchObject({
      status: 400,
      body: error('INVALID_PARAMETER_VALUE', 'Registered model alias champion not found.'),
    })
    const { body } = await registry.get('registered-models/get', { name: 'numbers' })
    expect(body.registered_model).not.toHaveProperty('aliases')
    await registry.make('numbers', 1)
    expect((await load('numbers', '5')).version).toBe('5')
  })

  test('leaves nothing of what was said of it, and room in Production', async () => {
    await registry.make('redacted')
    const said = { name: 'redacted', source: 's3://secret/p', run_id: 'r', run_link: 'l', description: 'd' }
    await registry.post('model-versions/create', said)
    await registry.move('redacted', '1', 'Production', true)
    await registry.remove('model-versions/delete', { name: 'redacted', version: '1' })
    const row = await registry.deps.db
      .selectFrom('every_model_version as version')
      .innerJoin('registered_model as model', 'model.id', 'version.model_id')
      .selectAll('version')
      .where('model.name', '=', 'redacted')
      .executeTakeFirstOrThrow()
    expect(row).toMatchObject({
      source: 'REDACTED-SOURCE-PATH',
      run_id: 'REDACTED-RUN-ID',
      run_link: 'REDACTED-RUN-LINK',
      description: null,
      author: null,
    })
    await registry.make('redacted', 1)
    expect((await registry.move('redacted', '2', 'Production', true)).status).toBe(200)
  })
})

describe('tags of a version', () => {
  test('are set, set anew and taken off; taking off what is not there changes nothing', async () => {
    await registry.make('tagged', 1)
    const ref = { name: 'tagged', version: '1' }
    const set = (key: string, value?: string) =>
      registry.post('model-versions/set-tag', { ...ref, key, value })
    const off = (key: string) => registry.remove('model-versions/delete-tag', { ...ref, key })
    expect(await set('k', 'v')).toMatchObject(nothing)
    expect(await set('k', 'w')).toMatchObject(nothing)
    expect(await set('empty')).toMatchObject(nothing)
    expect((await load('tagged', '1')).tags).toEqual([
      { key: 'empty', value: '' },
      { key: 'k', value: 'w' },
    ])
    expect(await off('k')).toMatchObject(nothing)
    expect(await off('k')).toMatchObject(nothing)
    expect((await load('tagged', '1')).tags).toEqual([{ key: 'empty', value: '' }])
  })
})

describe('the download URI', () => {
  const uri = async (name: string, version: string) =>
    (await registry.get('model-versions/get-download-uri', { name, version })).body

  test('is the source, as it was given', async () => {
    await registry.make('loaded')
    for (const source of ['s3://b//p/', 'models:/m-0a1b', 'runs:/abc/model', 'mlflow-artifacts:/1/abc/model'])
      await registry.post('model-versions/create', { name: 'loaded', source })
    expect(await uri('loaded', '1')).toEqual({ artifact_uri: 's3://b//p/' })
    expect(await uri('loaded', '2')).toEqual({ artifact_uri: 'models:/m-0a1b' })
    expect((await load('loaded', '2')).source).toBe('models:/m-0a1b')
  })

  test('of a version that was copied is that of the version it was copied from, at any remove', async () => {
    await registry.make('origin')
    await registry.make('copy')
    await registry.post('model-versions/create', { name: 'origin', source: 's3://b/real' })
    await registry.post('model-versions/create', { name: 'copy', source: 'models:/origin/1' })
    await registry.post('model-versions/create', { name: 'copy', source: 'models:/copy/1' })
    expect((await load('copy', '2')).source).toBe('models:/copy/1')
    expect(await uri('copy', '2')).toEqual({ artifact_uri: 's3://b/real' })
    await registry.remove('registered-models/delete', { name: 'origin' })
    expect(await uri('copy', '1')).toEqual({ artifact_uri: 's3://b/real' })
  })

  test.each(['models:/origin/9', 'models:/nobody/1'])(
    'of %s, which is not there, is none',
    async (source) => {
      await registry.make('copy')
      const { status, body } = await registry.post('model-versions/create', { name: 'copy', source })
      expect(status).toBe(400)
      expect(body.message).toMatch(
        /^Unable to fetch model from model URI source artifact location 'models:.*'\.Error: Model Version \(name=.* not found$/,
      )
    },
  )
})

describe('a version that is not there', () => {
  const ref = { name: 'm1', version: '99' }
  test.each<[string, () => Promise<object>]>([
    ['get', () => registry.get('model-versions/get', ref)],
    ['get-download-uri', () => registry.get('model-versions/get-download-uri', ref)],
    ['update', () => registry.patch('model-versions/update', ref)],
    ['delete', () => registry.remove('model-versions/delete', ref)],
    ['set-tag', () => registry.post('model-versions/set-tag', { ...ref, key: 'k' })],
    ['delete-tag', () => registry.remove('model-versions/delete-tag', { ...ref, key: 'k' })],
    ['transition-stage', () => registry.move('m1', '99', 'Staging')],
    ['alias', () => registry.post('registered-models/alias', { ...ref, alias: 'a' })],
  ])('is told by %s', async (_, call) => {
    expect(await call()).toMatchObject(missing('m1', '99'))
  })

  test('is told in the same words when there is not even its model', async () => {
    expect(await registry.move('zz', '1', 'Staging')).toMatchObject(missing('zz', '1'))
    expect(await registry.get('model-versions/get', { name: 'zz', version: '1' })).toMatchObject(
      missing('zz', '1'),
    )
  })
})
