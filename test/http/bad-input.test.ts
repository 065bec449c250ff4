import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AppFixture, openApp } from './app-fixture.ts'
import { mlflowBody, mlflowDelivery, registrationBody, registrationDelivery } from './deliveries.ts'

let fixture: AppFixture
beforeAll(async () => {
  fixture = await openApp()
})
afterAll(() => fixture.close())

const url = '/api/v1/models/m/versions'
const json = { 'content-type': 'application/json' }

async function send(payload: string | Buffer, headers: Record<string, string> = json) {
  const answer = await fixture.app.inject({
    method: 'POST',
    url,
    headers: { ...fixture.as('registrar'), ...headers },
    payload,
  })
  return { status: answer.statusCode, code: answer.json().error?.code, answer }
}

const get = (path: string) => fixture.app.inject({ url: path, headers: fixture.as('viewer') })

describe('every error', () => {
  test('has one shape, with the request’s id, and shows nothing of how we are built', async () => {
    const { answer } = await send('{"a":')
    expect(answer.json()).toEqual({
      error: { code: 'invalid_json', message: expect.any(String), requestId: answer.headers['x-request-id'] },
    })
    const bad = await Promise.all([
      send('{'),
      send('[]'),
      get('/api/v1/models/none'),
      get('/api/v1/models/%zz'),
    ])
    for (const one of bad)
      expect(JSON.stringify(one)).not.toMatch(/node_modules|\.ts:|SyntaxError|ZodError|select |FST_ERR/)
  })

  test('the request’s id is ours, whatever the caller sends', async () => {
    const answer = await fixture.app.inject({
      url: '/healthz',
      headers: { 'x-request-id': 'mine', 'request-id': 'mine' },
    })
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('bodies', () => {
  test.each([
    ['malformed', '{"source": }', 400, 'invalid_json'],
    ['100,000 levels deep', '['.repeat(100_000), 400, 'too_deep'],
    ['with a NUL', '{"source":"a\\u0000"}', 400, 'invalid_text'],
    ['with __proto__', '{"source":"a","__proto__":{"admin":true}}', 400, 'forbidden_key'],
    ['with __proto__ as a tag', '{"source":"a","tags":{"__proto__":"x"}}', 400, 'forbidden_key'],
    ['with a key twice', '{"source":"a","source":"b"}', 400, 'duplicate_key'],
    ['empty', '', 400, 'invalid_input'],
    ['null', 'null', 400, 'invalid_input'],
    ['a list', '[]', 400, 'invalid_input'],
    ['a number', '7', 400, 'invalid_input'],
    ['with a field too many', '{"source":"a","stage":"Production"}', 400, 'invalid_input'],
    ['with a wrong type', '{"source":7}', 400, 'invalid_input'],
    ['over 1 MiB', `{"source":"${'a'.repeat(1024 * 1024)}"}`, 413, 'payload_too_large'],
  ])('that are %s are %i', async (_, payload, status, code) => {
    const { answer, ...got } = await send(payload)
    expect(got).toEqual({ status, code })
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })

  test.each([
    ['metrics', '', 1, '"metrics" in the body: the name is unfit: must not be blank'],
    ['metrics', 'm'.repeat(251), 1, 'the name is unfit: Too big: expected string to have <=250 characters'],
    ['tags', ' ', 'x', '"tags. " in the body: the name is unfit: must not be blank'],
  ])('with a name in %s that breaks a rule are told the rule', async (field, name, value, message) => {
    const { answer } = await send(JSON.stringify({ source: 'a', [field]: { [name]: value } }))
    expect(answer.statusCode).toBe(400)
    expect(answer.json().error.message).toContain(message)
  })

  test('that are left out are told what they lack', async () => {
    const path = '/api/v1/approvals/00000000-0000-4000-8000-000000000000/decline'
    const headers = fixture.as('approver')
    const answer = await fixture.app.inject({ method: 'POST', url: path, headers })
    expect(answer.statusCode).toBe(400)
    expect(answer.json().error.message).toMatch(/^"reason" in the body: /)
  })

  test('that are not UTF-8 are refused, not mended', async () => {
    const bytes = Buffer.concat([Buffer.from('{"source":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])
    expect(await send(bytes)).toMatchObject({ status: 400, code: 'invalid_utf8' })
  })

  test.each<[string, Record<string, string>]>([
    ['plain text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['multipart', { 'content-type': 'multipart/form-data; boundary=x' }],
    ['no type', { 'content-type': '' }],
    ['a type that is none', { 'content-type': 'json' }],
    ['another kind of JSON', { 'content-type': 'application/json-patch+json' }],
    ['gzip', { ...json, 'content-encoding': 'gzip' }],
    ['two encodings', { ...json, 'content-encoding': 'identity, br' }],
  ])('sent as %s are 415', async (_, headers) => {
    expect((await send('{"source":"file:///m"}', headers)).status).toBe(415)
    const delivery = registrationDelivery(registrationBody(), { headers })
    expect((await fixture.app.inject(delivery)).statusCode).toBe(415)
  })

  test('with a charset that says UTF-8 are read', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'identity' }
    expect((await send('{"source":"file:///m"}', headers)).status).toBe(201)
  })

  test('over 1 MiB at a webhook are 413 before any signature is looked at', async () => {
    const large = registrationBody({ description: 'a'.repeat(1024 * 1024) })
    expect((await fixture.app.inject(registrationDelivery(large, { key: 'wrong' }))).statusCode).toBe(413)
    expect(
      (await fixture.app.inject(mlflowDelivery(mlflowBody({ description: 'a'.repeat(1024 * 1024) }))))
        .statusCode,
    ).toBe(413)
  })

  test.each([
    ['deep', '['.repeat(100_000), 'too_deep'],
    ['malformed', '{', 'invalid_json'],
    ['not an object', '7', 'invalid_input'],
    ['without a type', '{}', 'invalid_input'],
    ['__proto__', '{"__proto__":{},"type":"x"}', 'forbidden_key'],
  ])('that are rightly signed and %s are 400', async (_, body, code) => {
    const answer = await fixture.app.inject(registrationDelivery(body))
    expect([answer.statusCode, answer.json().error.code]).toEqual([400, code])
    expect((await fixture.app.inject(mlflowDelivery(body))).statusCode).toBe(400)
  })
})

describe('paths and queries', () => {
  test.each([
    ['0', 400],
    ['-1', 400],
    ['+1', 400],
    ['01', 400],
    ['1.0', 400],
    ['1e3', 400],
    ['0x1', 400],
    ['%201', 400],
    ['one', 400],
    ['2147483648', 400],
    ['99999999999999999999', 400],
    ['1', 404],
    ['2147483647', 404],
  ])('version %s of a model that does not exist is %i', async (version, status) => {
    const answer = await get(`/api/v1/models/none/versions/${version}`)
    expect(answer.statusCode).toBe(status)
    expect(answer.json().error.code).toBe(status === 404 ? 'not_found' : 'invalid_input')
  })

  test.each([
    ['with a NUL', 'a%00b', 400],
    ['with a slash', 'a%2fb', 400],
    ['with a colon', 'a:b', 400],
    ['blank', '%20', 400],
    ['that climbs', '..%2f..', 400],
    ['that climbs and goes on', '..x', 400],
    ['wrongly encoded', '%zz', 400],
    ['encoded as no UTF-8', '%ff', 400],
    ['of 257 characters', 'n'.repeat(257), 400],
    ['of 256 wide characters', encodeURIComponent('模'.repeat(256)), 404],
    ['beyond all bounds', 'n'.repeat(10_000), 414],
  ])('a model’s name %s gives one clear answer', async (_, name, status) => {
    for (const path of ['', '/history', '/versions/1']) {
      const answer = await get(`/api/v1/models/${name}${path}`)
      expect([answer.statusCode, answer.json().error.requestId]).toEqual([
        status,
        answer.headers['x-request-id'],
      ])
    }
  })

  test.each([
    '/api/v1/models?unknown=1',
    '/api/v1/models?limit=1&limit=2',
    '/api/v1/models?limit=0',
    '/api/v1/models?limit=1001',
    '/api/v1/models?limit=1e2',
    '/api/v1/models?limit=',
    '/api/v1/models?__proto__=1',
    '/api/v1/models?after=a%00',
    '/api/v1/models/m?before=x',
    '/api/v1/models/m/history?after_seq=-1',
    '/api/v1/models/m/versions/1?verbose',
    '/api/v1/approvals?state=open',
    '/api/v1/approvals?state=pending&state=pending',
    '/api/v1/approvals/not-an-id',
  ])('%s is 400', async (path) => {
    const answer = await get(path)
    expect([answer.statusCode, answer.json().error.code]).toEqual([400, 'invalid_input'])
  })

  test.each(['99999999999', '1001', 'x', '1.5'])('a limit of %s is told the bounds', async (limit) => {
    const { message } = (await get(`/api/v1/models?limit=${limit}`)).json().error
    expect(message).toBe('"limit" in the query: must be a whole number from 1 to 1000')
  })

  test('what does not exist is 404 and says what', async () => {
    await send('{"source":"file:///m"}')
    expect((await get('/api/v1/models/m/versions/99')).json().error.message).toContain('no version 99 of "m"')
    expect((await get('/api/v1/models/none/versions/1')).json().error.message).toContain('"none"')
    const id = '00000000-0000-4000-8000-000000000000'
    expect((await get(`/api/v1/approvals/${id}`)).statusCode).toBe(404)
    for (const move of ['validate', 'promote']) {
      const headers = fixture.as('registrar')
      const answer = await fixture.app.inject({
        method: 'POST',
        url: `/api/v1/models/none/versions/1/${move}`,
        headers,
      })
      expect([move, answer.statusCode]).toEqual([move, 404])
    }
  })

  test('a method that a path does not take is 405 and says which it takes', async () => {
    const headers = fixture.as('admin')
    const answer = await fixture.app.inject({ method: 'DELETE', url: '/api/v1/models/m', headers })
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'GET, HEAD'])
    expect((await fixture.app.inject({ url: '/webhooks/mlflow', headers })).headers.allow).toBe('POST')
    expect((await fixture.app.inject({ method: 'PUT', url: '/nowhere', headers })).statusCode).toBe(404)
  })

  test('a file that is not there is 404, and not a path that takes another method', async () => {
    const headers = fixture.as('admin')
    for (const url of [
      '/docs/static/none.js',
      '/queues/static/none.js',
      '/docs/static/%2e%2e%2fpackage.json',
    ])
      for (const method of ['GET', 'HEAD'] as const) {
        const answer = await fixture.app.inject({ method, url, headers })
        expect([url, answer.statusCode, answer.headers.allow]).toEqual([url, 404, undefined])
      }
  })

  test('an approval cannot be given by reading', async () => {
    const id = '00000000-0000-4000-8000-000000000000'
    const headers = fixture.as('approver')
    for (const path of [`/api/v1/approvals/${id}/approve`, `/api/v1/approvals/${id}?action=approve`])
      expect([400, 405]).toContain((await fixture.app.inject({ url: path, headers })).statusCode)
  })
})

test('every answer carries the headers that keep browsers from doing harm', async () => {
  for (const path of ['/', '/sign-in', '/healthz', '/api/v1/models', '/nowhere', '/queues', '/docs/']) {
    const { headers } = await get(path)
    const policy = String(headers['content-security-policy'])
    expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
    expect(policy).not.toMatch(/script-src[^;]*('unsafe-inline'|'unsafe-eval'|\*|https?:)/)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    })
    expect(headers['access-control-allow-origin']).toBeUndefined()
    expect(headers['x-powered-by'] ?? headers.server).toBeUndefined()
  }
})
