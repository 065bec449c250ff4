import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nextPath } from '../../src/http/sign-in.ts'
import { type AppFixture, giveToken, openApp } from './app-fixture.ts'

let fixture: AppFixture
let now = new Date('2026-03-01T08:00:00Z')
beforeAll(async () => {
  fixture = await openApp({ now: () => now })
})
afterAll(() => fixture.close())

const own = { 'sec-fetch-site': 'same-origin' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

function post(token: string, headers: Record<string, string> = own, next = '/') {
  const payload = new URLSearchParams({ token, next }).toString()
  return fixture.app.inject({ method: 'POST', url: '/sign-in', headers: { ...form, ...headers }, payload })
}

async function signIn(roles: Parameters<typeof giveToken>[2] = ['registrar']): Promise<{ cookie: string }> {
  const answer = await post(await giveToken(fixture.deps, 'browser', roles))
  return { cookie: `greenroom_session=${answer.cookies[0]?.value}` }
}

describe('signing in', () => {
  test('a good token opens a session, in a cookie that no script and no other site can use', async () => {
    const answer = await post(await giveToken(fixture.deps, 'dora', ['viewer']), own, '/queues')
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/queues'])
    expect(answer.cookies).toMatchObject([
      { name: 'greenroom_session', httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 12 * 3_600 },
    ])
    const cookie = `greenroom_session=${answer.cookies[0]?.value}`
    const board = await fixture.app.inject({ url: '/', headers: { cookie } })
    expect(board.body).toContain('dora')
  })

  test('over https the cookie is never sent without it', async () => {
    const secure = await openApp({ config: { publicUrl: 'https://localhost' } })
    const token = await giveToken(secure.deps, 'dora', ['viewer'])
    const payload = new URLSearchParams({ token }).toString()
    const answer = await secure.app.inject({
      method: 'POST',
      url: '/sign-in',
      headers: { ...form, ...own },
      payload,
    })
    expect(answer.cookies).toMatchObject([{ name: '__Host-greenroom_session', secure: true, path: '/' }])
    expect(answer.cookies[0]).not.toHaveProperty('domain')
    const secret = answer.cookies[0]?.value
    const boardWith = (name: string) =>
      secure.app.inject({ url: '/', headers: { host: 'localhost', cookie: `${name}=${secret}` } })
    expect((await boardWith('__Host-greenroom_session')).statusCode).toBe(200)
    // A cookie of this name may have been set by another host of the same site.
    expect((await boardWith('greenroom_session')).statusCode).toBe(401)
    expect(answer.headers['strict-transport-security']).toBeDefined()
    await secure.close()
  })

  test('the secret of a session is nowhere in the database', async () => {
    const { cookie } = await signIn()
    const rows = await fixture.deps.db.selectFrom('session').selectAll().execute()
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(cookie.split('=')[1])
  })

  test('a bad token shows the form again and opens nothing', async () => {
    const answer = await post('gr_nonsense')
    expect(answer.statusCode).toBe(401)
    expect(answer.body).toContain('not valid')
    expect(answer.cookies).toEqual([])
  })

  test.each<[string, Record<string, string>]>([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling site', { 'sec-fetch-site': 'same-site' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['an origin that is hidden', { origin: 'null' }],
    ['nowhere that can be told', {}],
  ])('a form sent from %s is refused', async (_, headers) => {
    const answer = await post(await giveToken(fixture.deps, 'dora', ['viewer']), headers)
    expect([answer.statusCode, answer.cookies]).toEqual([403, []])
  })

  test('our own origin is known by the public address and by the host in the request', async () => {
    for (const origin of ['http://localhost:4100', 'http://localhost:80'])
      expect((await post('bad', { origin, host: 'localhost:80' })).statusCode).toBe(
        origin.endsWith(':80') ? 403 : 401,
      )
    expect((await post('bad', { origin: 'http://127.0.0.1:9', host: '127.0.0.1:9' })).statusCode).toBe(401)
  })

  test('the form is read as a form only, and only a short one', async () => {
    const url = '/sign-in'
    const json = await fixture.app.inject({ method: 'POST', url, headers: own, payload: { token: 'x' } })
    expect(json.statusCode).toBe(401)
    const long = await post('x'.repeat(9_000))
    expect(long.statusCode).toBe(413)
  })

  test.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    '/a b',
    '/\u0000',
    '',
    '/\tx',
  ])('never leads to %j afterwards', (next) => {
    expect(nextPath(next)).toBe('/')
  })

  test('leads back to a path of ours, its query included', () => {
    expect(nextPath('/queues/queue/checks?status=failed')).toBe('/queues/queue/checks?status=failed')
  })
})

describe('a session', () => {
  test('ends after twelve hours, however much it is used', async () => {
    const headers = await signIn()
    const call = async () => (await fixture.app.inject({ url: '/api/v1/models', headers })).statusCode
    const start = now
    now = new Date(start.getTime() + 12 * 3_600_000 - 1)
    expect(await call()).toBe(200)
    now = new Date(start.getTime() + 12 * 3_600_000)
    expect(await call()).toBe(401)
    now = start
  })

  test('is over once signed out, wherever its cookie was copied to', async () => {
    const headers = await signIn()
    const out = await fixture.app.inject({
      method: 'POST',
      url: '/sign-out',
      headers: { ...headers, ...own },
    })
    expect([out.statusCode, out.headers.location]).toEqual([303, '/sign-in'])
    expect((await fixture.app.inject({ url: '/api/v1/models', headers })).statusCode).toBe(401)
  })

  test('cannot be made up', async () => {
    for (const secret of ['', 'x', 'A'.repeat(43), 'A'.repeat(5_000), '%00', '"'])
      expect(
        (
          await fixture.app.inject({
            url: '/api/v1/models',
            headers: { cookie: `greenroom_session=${secret}` },
          })
        ).statusCode,
      ).toBe(401)
  })

  test.each<[string, Record<string, string>, number]>([
    ['our own page', own, 201],
    ['our own origin', { origin: 'http://localhost:4100' }, 201],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['another origin', { origin: 'https://evil.example' }, 403],
    [
      'another site that claims our origin',
      { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:4100' },
      403,
    ],
    ['nowhere that can be told', {}, 403],
  ])('acts when the request comes from %s or not: %j gives %i', async (_, headers, status) => {
    const session = await signIn()
    const answer = await fixture.app.inject({
      method: 'POST',
      url: '/api/v1/models/by-browser/versions',
      headers: { ...session, ...headers },
      payload: { source: 'file:///m' },
    })
    expect(answer.statusCode).toBe(status)
  })

  test('acts under the channel "board"', async () => {
    const session = await signIn()
    await fixture.app.inject({
      method: 'POST',
      url: '/api/v1/models/channelled/versions',
      headers: { ...session, ...own },
      payload: { source: 'file:///m' },
    })
    const history = await fixture.app.inject({ url: '/api/v1/models/channelled/history', headers: session })
    expect(history.json().events[0]).toMatchObject({ channel: 'board', actor: 'browser' })
  })

  test('cannot act on the queue dashboard from another site', async () => {
    const admin = await signIn(['admin'])
    const put = (headers: Record<string, string>) =>
      fixture.app.inject({
        method: 'PUT',
        url: '/queues/api/queues/pause',
        headers: { ...admin, ...headers },
      })
    expect((await put({ 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403)
    expect((await put({})).statusCode).toBe(403)
    expect((await put(own)).statusCode).not.toBe(403)
  })
})
