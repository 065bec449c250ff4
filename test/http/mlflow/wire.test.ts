import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAwayDatabase } from '../../helpers/database.ts'
import { openApp } from '../app-fixture.ts'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
  await registry.make('m', 1)
})
afterAll(() => registry.close())

const json = { 'content-type': 'application/json' }
const hint = 'See the API docs for more information about request parameters.'
const create = '/api/2.0/mlflow/registered-models/create'

const raw = (
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  payload: string | object | undefined,
  headers: Record<string, string> = json,
) => registry.request(method, path, payload, { ...registry.as('admin'), ...headers })

const missing = (name: string) =>
  error('INVALID_PARAMETER_VALUE', `Missing value for required parameter '${name}'. ${hint}`)
const mistyped = (name: string, value: string, type: string) =>
  error(
    'INVALID_PARAMETER_VALUE',
    `Invalid value ${value} for parameter '${name}' supplied:  Hint: Value was of type '${type}'. ${hint}`,
  )

describe('paths', () => {
  test.each(['/api/2.0/mlflow', '/ajax-api/2.0/mlflow'])('the registry is under %s', async (prefix) => {
    const { status, body } = await registry.get(`${prefix}/registered-models/get`, { name: 'm' })
    expect([status, body.registered_model.name]).toEqual([200, 'm'])
  })

  test.each([
    '/api/2.0/preview/mlflow/registered-models/get?name=m',
    '/api/2.0/mlflow/registered-models/list',
    '/api/2.0/mlflow/registered-models/get/?name=m',
    '/api/2.0/mlflow/runs/get',
    '/api/2.0/mlflow',
    '/ajax-api/2.0/mlflow/none',
    '/api/3.0/mlflow/traces',
  ])('%s is none of its paths', async (path) => {
    const { status, body } = await raw('GET', path, undefined, {})
    expect(status).toBe(404)
    if (path.includes('preview')) expect(body.error.code).toBe('not_found')
    else expect(body).toEqual(error('ENDPOINT_NOT_FOUND', expect.any(String)))
  })

  test('another method than a path has is told so, in a form that sends clients elsewhere', async () => {
    const { status, body, headers } = await raw('POST', 'model-versions/search', {})
    expect(status).toBe(405)
    expect(body.error_code).toBe('ENDPOINT_NOT_FOUND')
    expect(headers.allow).toBe('GET, HEAD')
  })

  test('a client that asks how the server is gets what MLflow says, without a token', async () => {
    const { app } = registry
    const health = await app.inject({ url: '/health' })
    expect([health.statusCode, health.body]).toEqual([200, 'OK'])
    const version = await app.inject({ url: '/version' })
    expect(version.body).toMatch(/^\d+\.\d+\.\d+$/)
  })

  test('there are no workspaces, and a client that asks is told so', async () => {
    for (const prefix of ['/api', '/ajax-api']) {
      const { body } = await registry.get(`${prefix}/3.0/mlflow/server-info`)
      expect(body).toEqual({ store_type: 'SqlStore', workspaces_enabled: false })
    }
  })
})

describe('the content type', () => {
  test.each<[string, Record<string, string>, string]>([
    ['none', {}, 'Bad Request. Content-Type header is missing.'],
    [
      'text',
      { 'content-type': 'text/plain' },
      "Bad Request. Content-Type must be one of ['application/json'].",
    ],
    [
      'a form',
      { 'content-type': 'application/x-www-form-urlencoded' },
      "Bad Request. Content-Type must be one of ['application/json'].",
    ],
    [
      'not a type',
      { 'content-type': 'json' },
      "Bad Request. Content-Type must be one of ['application/json'].",
    ],
    ['odd', { 'content-type': 'ü;;' }, "Bad Request. Content-Type must be one of ['application/json']."],
  ])('of a POST may not be %s', async (_, headers, message) => {
    const { status, body } = await raw('POST', create, '{"name":"typed"}', headers)
    expect({ status, body }).toEqual({ status: 400, body: error('INVALID_PARAMETER_VALUE', message) })
  })

  test('of a POST may have parameters', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    expect((await raw('POST', create, '{"name":"charset"}', headers)).status).toBe(200)
  })

  test.each<Record<string, string>>([{}, { 'content-type': 'text/plain' }])(
    'of other methods may be %j',
    async (headers) => {
      await registry.make('other')
      expect((await raw('PATCH', 'registered-models/update', '{"name":"other"}', headers)).status).toBe(200)
      expect((await raw('DELETE', 'registered-models/delete', '{"name":"other"}', headers)).status).toBe(200)
    },
  )
})

describe('a body', () => {
  test.each([
    '',
    '{',
    'name=x',
    '[1',
    'null',
    '7',
    '[]',
    '"{"',
    '"7"',
    '""',
    '{"name":""}',
    '{"name":null}',
    '{"NAME":"x"}',
  ])('%j says nothing, so what is needed is missing', async (payload) => {
    const { status, body } = await raw('POST', create, payload)
    expect({ status, body }).toEqual({ status: 400, body: missing('name') })
  })

  test('that is JSON in a JSON text is read', async () => {
    const { body } = await raw('POST', create, JSON.stringify(JSON.stringify({ name: 'twice-encoded' })))
    expect(body.registered_model.name).toBe('twice-encoded')
  })

  test('may have fields that are unknown', async () => {
    expect((await raw('POST', create, { name: 'unknown', later: { a: [1] }, constructed: 1 })).status).toBe(
      200,
    )
  })

  test.each<[string, string, number]>([
    ['too deep', `{"name":${'['.repeat(100_000)}`, 400],
    [
      'too many keys',
      JSON.stringify({ name: 'k', ...Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [i, 1])) }),
      400,
    ],
    ['a NUL', '{"name":"a\\u0000b"}', 400],
    ['half of a surrogate pair', '{"name":"a\\ud800b"}', 400],
    ['half of one in the inner text', JSON.stringify('{"name":"a\\ud800b"}'), 400],
    ['a key twice', '{"name":"a","name":"b"}', 400],
    ['__proto__', '{"__proto__":{"name":"a"}}', 400],
    ['over 1 MiB', JSON.stringify({ name: 'a', description: 'd'.repeat(1024 * 1024) }), 413],
  ])('that has %s is refused in MLflow’s form', async (_, payload, status) => {
    const answer = await raw('POST', create, payload)
    expect(answer).toMatchObject({
      status,
      body: error(status === 400 ? 'INVALID_PARAMETER_VALUE' : 'BAD_REQUEST', expect.any(String)),
    })
    expect(({} as Record<string, unknown>).name).toBeUndefined()
  })

  test('that is not UTF-8 is refused', async () => {
    const payload = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff]), Buffer.from('"}')])
    const headers = { ...registry.as('admin'), ...json }
    const answer = await registry.app.inject({ method: 'POST', url: create, headers, payload })
    expect([answer.statusCode, answer.json().error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
  })

  test.each<[string, object, object]>([
    ['name', { name: 123 }, mistyped('name', '123', 'int')],
    ['name', { name: 1.5 }, mistyped('name', '1.5', 'float')],
    ['name', { name: true }, mistyped('name', 'true', 'bool')],
    ['name', { name: ['é', { b: 1, a: 2 }] }, mistyped('name', '["\\u00e9",{"a":2,"b":1}]', 'list')],
    ['name', { name: { a: null } }, mistyped('name', '{"a":null}', 'dict')],
    ['tags', { name: 'x', tags: 'k=v' }, mistyped('tags', '"k=v"', 'str')],
    ['tags', { name: 'x', tags: { k: 'v' } }, mistyped('tags', '{"k":"v"}', 'dict')],
    ['tags', { name: 'x', tags: ['k'] }, mistyped('tags', '["k"]', 'list')],
    [
      'tags',
      { name: 'x', tags: [{ key: 1, value: 'v' }] },
      mistyped('tags', '[{"key":1,"value":"v"}]', 'list'),
    ],
    ['description', { name: 'x', description: 5 }, mistyped('description', '5', 'int')],
  ])('whose %s has another type is refused: %j', async (_, payload, body) => {
    expect(await raw('POST', create, payload)).toMatchObject({ status: 400, body })
  })

  test('whose version is a number is refused, and so is a flag in words', async () => {
    const update = { name: 'm', version: 2 }
    expect((await raw('PATCH', 'model-versions/update', update)).body).toEqual(
      mistyped('version', '2', 'int'),
    )
    const move = { name: 'm', version: '1', stage: 'Staging', archive_existing_versions: 'true' }
    expect((await raw('POST', 'model-versions/transition-stage', move)).body).toEqual(
      mistyped('archive_existing_versions', '"true"', 'str'),
    )
    const stages = { name: 'm', stages: ['None', 1] }
    expect((await raw('POST', 'registered-models/get-latest-versions', stages)).body).toEqual(
      mistyped('stages', '["None",1]', 'list'),
    )
  })
})

describe('a query', () => {
  test('of a GET is read, and its body is not', async () => {
    const { body } = await raw('GET', 'registered-models/get?name=m', '{"name":"zz"}')
    expect(body.registered_model.name).toBe('m')
    expect((await raw('GET', 'registered-models/get?x=1', '{"name":"m"}')).body).toEqual(missing('name'))
  })

  test('that is not there leaves a GET its body', async () => {
    const { body } = await raw('GET', 'registered-models/get', '{"name":"m"}')
    expect(body.registered_model.name).toBe('m')
    expect((await raw('GET', 'registered-models/get', undefined, {})).body).toEqual(missing('name'))
  })

  test('repeats the key of a list; of what is no list the first counts', async () => {
    const { body } = await raw(
      'GET',
      'registered-models/get-latest-versions?name=m&stages=None&stages=Staging',
      undefined,
      {},
    )
    expect(body.model_versions).toMatchObject([{ version: '1' }])
    expect((await raw('GET', 'registered-models/get?name=m&name=zz', undefined, {})).status).toBe(200)
  })

  test('of a DELETE is not read', async () => {
    expect((await raw('DELETE', 'registered-models/delete?name=m', undefined, {})).body).toEqual(
      missing('name'),
    )
  })

  test('holds any text that can be stored, and no other', async () => {
    const name = 'é 🎷 a\u0301&=+%'
    await registry.make(name)
    expect((await registry.get('registered-models/get', { name })).body.registered_model.name).toBe(name)
    const { status, body } = await raw('GET', 'registered-models/get?name=a%00b', undefined, {})
    expect([status, body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect((await raw('GET', 'registered-models/get?name=%ff', undefined, {})).status).toBe(404)
  })

  test('of a GET may not be replaced by a body without end', async () => {
    await registry.app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = registry.app.server.address() as AddressInfo
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const path = '/api/2.0/mlflow/registered-models/get'
      const headers = { ...registry.as('viewer'), 'transfer-encoding': 'chunked' }
      const request = httpRequest({ port, path, headers }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
        request.destroy()
      })
      request.on('error', reject)
      for (let sent = 0; sent < 20; sent++) request.write(' '.repeat(64 * 1024))
    })
    expect(status).toBe(413)
  })
})

describe('every required parameter', () => {
  const version = { name: 'm', version: '1' }
  test.each<['GET' | 'POST' | 'PATCH' | 'DELETE', string, Record<string, string>]>([
    ['POST', 'registered-models/create', { name: 'x' }],
    ['GET', 'registered-models/get', { name: 'm' }],
    ['POST', 'registered-models/rename', { name: 'x', new_name: 'y' }],
    ['PATCH', 'registered-models/update', { name: 'm' }],
    ['DELETE', 'registered-models/delete', { name: 'x' }],
    ['POST', 'registered-models/get-latest-versions', { name: 'm' }],
    ['GET', 'registered-models/get-latest-versions', { name: 'm' }],
    ['POST', 'registered-models/set-tag', { name: 'm', key: 'k' }],
    ['DELETE', 'registered-models/delete-tag', { name: 'm', key: 'k' }],
    ['POST', 'registered-models/alias', { name: 'm', alias: 'a', version: '1' }],
    ['GET', 'registered-models/alias', { name: 'm', alias: 'a' }],
    ['DELETE', 'registered-models/alias', { name: 'm', alias: 'a' }],
    ['POST', 'model-versions/create', { name: 'm', source: 's3://b/p' }],
    ['GET', 'model-versions/get', version],
    ['PATCH', 'model-versions/update', version],
    ['POST', 'model-versions/transition-stage', { ...version, stage: 'None' }],
    ['DELETE', 'model-versions/delete', version],
    ['POST', 'model-versions/set-tag', { ...version, key: 'k' }],
    ['DELETE', 'model-versions/delete-tag', { ...version, key: 'k' }],
  ])('of %s %s is missed by its name, absent or empty', async (method, path, full) => {
    for (const name of Object.keys(full)) {
      const { [name]: _, ...rest } = full
      for (const said of [rest, { ...full, [name]: '' }]) {
        const answer = method === 'GET' ? await registry.get(path, said) : await raw(method, path, said)
        expect(answer).toMatchObject({ status: 400, body: missing(name) })
      }
    }
  })

  test('but for those of a download URI, which are no integer and no name then', async () => {
    expect((await registry.get('model-versions/get-download-uri', { version: '1' })).body).toEqual(
      error('INVALID_PARAMETER_VALUE', "Missing value for required parameter 'name'."),
    )
    for (const query of [{ name: 'm' }, { name: 'm', version: '' }])
      expect(
        (await registry.get('model-versions/get-download-uri', query as Record<string, string>)).body,
      ).toEqual(error('INVALID_PARAMETER_VALUE', "Parameter 'version' must be an integer, got ''."))
  })
})

describe('an answer', () => {
  test('is JSON in UTF-8 that no browser takes for something else', async () => {
    const { headers } = await registry.get('registered-models/get', { name: 'm' })
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
    expect(headers['x-content-type-options']).toBe('nosniff')
  })
})

describe('who is turned away', () => {
  const path = '/api/2.0/mlflow/registered-models/get?name=m'

  test('without a token or with a bad one is told in MLflow’s form', async () => {
    const tries: Record<string, string>[] = [{}, { authorization: 'Bearer gr_nothing' }]
    for (const headers of tries) {
      const { status, body } = await registry.request('GET', path, undefined, headers)
      expect({ status, body }).toEqual({ status: 401, body: error('UNAUTHENTICATED', expect.any(String)) })
    }
    const { status, body } = await registry.request('GET', '/api/2.0/mlflow/none', undefined, {})
    expect([status, body.error_code]).toEqual([401, 'UNAUTHENTICATED'])
  })

  test('without the role is told in MLflow’s form', async () => {
    const { status, body } = await registry.post('registered-models/create', { name: 'x' }, 'viewer')
    expect({ status, body }).toEqual({ status: 403, body: error('PERMISSION_DENIED', expect.any(String)) })
  })

  test('while the database is away is told to come back, within a minute', async () => {
    const db = openAwayDatabase()
    const away = await openApp({ db, config: { auth: 'off' } })
    const answer = await away.app.inject({ url: path })
    expect([answer.statusCode, answer.json().error_code]).toEqual([503, 'TEMPORARILY_UNAVAILABLE'])
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60)
    await away.close()
    await db.destroy()
  })
})
