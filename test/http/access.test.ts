import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guardRoutes } from '../../src/http/access.ts'
import { makeAuthenticator } from '../../src/http/authentication.ts'
import type { Role } from '../../src/http/roles.ts'
import { register } from '../../src/lifecycle.ts'
import { revokeToken } from '../../src/store/tokens.ts'
import { openAwayDatabase } from '../helpers/database.ts'
import { actor, lifecycleDeps, registerToApproval, registration } from '../helpers/lifecycle.ts'
import { until } from '../helpers/until.ts'
import { type AppFixture, bearer, giveToken, openApp } from './app-fixture.ts'
import { routesOf } from './routes.ts'

let fixture: AppFixture
let port: number
beforeAll(async () => {
  fixture = await openApp()
  await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  port = (fixture.app.server.address() as AddressInfo).port
})
afterAll(() => fixture.close())

type Answer = { status: number; location: string | undefined; body: string }

/** Sends a path exactly as it is; clients of a higher level would tidy it up. */
function send(method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode = 0, headers } = response
        resolve({ status: statusCode, location: headers.location, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', reject)
    request.end()
  })
}

const open = [
  '/health',
  '/healthz',
  '/readyz',
  '/sign-in',
  '/version',
  '/webhooks/mlflow',
  '/webhooks/registrations',
]

describe('without a token', () => {
  test('only probes, webhooks and the sign-in page answer; everything else is 401', async () => {
    const routes = routesOf(fixture.app)
    expect(routes.length).toBeGreaterThan(80)
    const answered = new Set<string>()
    for (const { method, path } of routes) {
      const { status, body } = await send(method, path)
      if (status !== 401) answered.add(path)
      // A webhook that is not signed is 401 as well; its answer tells the one from the other.
      else if (body.includes('bad_signature')) answered.add(path)
    }
    expect([...answered].sort()).toEqual([...open].sort())
  })

  test.each<[string, (path: string) => string]>([
    ['a slash at the end', (path) => `${path}/`],
    ['two slashes in front', (path) => `/${path}`],
    ['two slashes inside', (path) => path.replace(/(.)\//, '$1//')],
    ['upper case', (path) => path.toUpperCase()],
    ['a dot segment', (path) => `/.${path}`],
    ['an encoded slash', (path) => path.replaceAll('/', '%2f').replace('%2f', '/')],
    ['a query', (path) => `${path}?token=1`],
    ['a matrix parameter', (path) => `${path};a=b`],
  ])('no path gets past with %s', async (_, vary) => {
    for (const { method, path } of routesOf(fixture.app)) {
      if (open.includes(path)) continue
      const { status } = await send(method, vary(path))
      expect([method, vary(path), status]).toEqual([method, vary(path), 401])
    }
  })

  test('what is no route is refused like what is one', async () => {
    for (const path of [
      '/.git/HEAD',
      '/debug',
      '/docs/../metrics',
      '/api/v2/models',
      '/webhooks/other',
      '/assets/app.js.map',
    ])
      expect((await send('GET', path)).status).toBe(401)
    expect((await send('TRACE', '/')).status).toBe(401)
  })

  test('a browser is led to the sign-in page and back, on reading methods only', async () => {
    const html = { accept: 'text/html,*/*' }
    expect(await send('GET', '/', html)).toMatchObject({ status: 303, location: '/sign-in' })
    expect((await send('GET', '/queues?x=1', html)).location).toBe('/sign-in?next=%2Fqueues%3Fx%3D1')
    expect((await send('POST', '/sign-out', html)).status).toBe(401)
  })
})

describe('tokens', () => {
  test.each([
    ['nothing', 'Bearer'],
    ['an empty token', 'Bearer '],
    ['another scheme', 'Digest abc'],
    ['a token of the right form that was never made', `Bearer gr_${'0'.repeat(12)}_${'A'.repeat(43)}`],
    ['the prefix of any token', 'Bearer gr_'],
    ['an endless token', `Bearer ${'a'.repeat(9_000)}`],
    ['Basic without a colon', `Basic ${Buffer.from('token').toString('base64')}`],
    ['Basic that is not base64', 'Basic %%%'],
  ])('%s is 401', async (_, authorization) => {
    expect((await send('GET', '/api/v1/models', { authorization })).status).toBe(401)
  })

  test('a token works as the password of Basic, whatever the user', async () => {
    const token = await giveToken(fixture.deps, 'mlflow-client', ['viewer'])
    const authorization = `Basic ${Buffer.from(`any:${token}`).toString('base64')}`
    expect((await send('GET', '/api/v1/models', { authorization })).status).toBe(200)
  })

  test('what the database holds lets nobody in', async () => {
    const token = await giveToken(fixture.deps, 'copied', ['admin'])
    const id = token.split('_')[1] ?? ''
    const row = await fixture.deps.db
      .selectFrom('token')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    expect(JSON.stringify(row)).not.toContain(token.slice(16))
    for (const shown of [
      row.secret_hash,
      `gr_${id}_${row.secret_hash}`,
      `gr_${id}_${row.secret_hash.slice(0, 43)}`,
    ])
      expect((await send('GET', '/api/v1/models', bearer(shown))).status).toBe(401)
  })

  test('a revoked token is 401 at the very next call, and so is a session opened with it', async () => {
    const token = await giveToken(fixture.deps, 'leaver', ['viewer'])
    const signedIn = await fixture.app.inject({
      method: 'POST',
      url: '/sign-in',
      headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ token }).toString(),
    })
    const cookie = `greenroom_session=${signedIn.cookies[0]?.value}`
    expect((await send('GET', '/api/v1/models', { cookie })).status).toBe(200)
    expect((await send('GET', '/api/v1/models', bearer(token))).status).toBe(200)
    const url = `/api/v1/tokens/${token.split('_')[1]}`
    const revoked = await fixture.app.inject({ method: 'DELETE', url, headers: fixture.as('admin') })
    expect(revoked.json().revoked_at).not.toBeNull()
    expect((await send('GET', '/api/v1/models', bearer(token))).status).toBe(401)
    expect((await send('GET', '/api/v1/models', { cookie })).status).toBe(401)
  })

  test('a token that another process has revoked is 401 within a second, however busy it is', async () => {
    const token = await giveToken(fixture.deps, 'leaver', ['viewer'])
    const isLetIn = async () => (await send('GET', '/api/v1/models', bearer(token))).status === 200
    expect(await isLetIn()).toBe(true)
    await revokeToken(fixture.deps.db, token.split('_')[1] ?? '', new Date())
    await until(async () => !(await isLetIn()), 1_000)
  })

  test('a token is good until the moment it expires', async () => {
    let now = new Date('2026-01-01T00:00:00Z')
    const timed = await openApp({ now: () => now })
    const token = await giveToken(timed.deps, 'temp', ['viewer'], new Date('2026-01-01T01:00:00Z'))
    const call = () => timed.app.inject({ url: '/api/v1/models', headers: bearer(token) })
    now = new Date('2026-01-01T00:59:59.999Z')
    expect((await call()).statusCode).toBe(200)
    now = new Date('2026-01-01T01:00:00Z')
    expect((await call()).statusCode).toBe(401)
    await timed.close()
  })

  test('when the database is away nobody is let in, and nobody is told that their token is bad', async () => {
    const db = openAwayDatabase()
    const away = await openApp({ db })
    const answer = await away.app.inject({ url: '/api/v1/models', headers: away.as('viewer') })
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5'])
    await away.close()
    await db.destroy()
  })

  test('whoever keeps failing is told to wait, whatever address they claim; holders of good tokens are not', async () => {
    const flooded = await openApp()
    const good = flooded.as('viewer')
    await flooded.app.inject({ url: '/api/v1/models', headers: good })
    const codes: number[] = []
    for (let i = 0; i < 40; i++) {
      const headers = {
        ...bearer(`gr_${'0'.repeat(12)}_${'B'.repeat(43)}`),
        'x-forwarded-for': `10.0.0.${i}`,
      }
      codes.push((await flooded.app.inject({ url: '/api/v1/models', headers })).statusCode)
    }
    expect(codes).toEqual([...Array(30).fill(401), ...Array(10).fill(429)])
    expect((await flooded.app.inject({ url: '/api/v1/models', headers: good })).statusCode).toBe(200)
    const limited = await flooded.app.inject({ url: '/api/v1/models', headers: bearer('no') })
    expect(Number(limited.headers['retry-after'])).toBeLessThanOrEqual(60)
    await flooded.close()
  })
})

describe('roles', () => {
  const everybody: Role[] = ['viewer', 'registrar', 'approver', 'admin']
  const version = '/api/v1/models/m/versions/1'
  const unknownRequest = '/api/v1/approvals/00000000-0000-4000-8000-000000000000'
  const body = { source: 'file:///m' }

  test.each<[string, string, Role[], object?]>([
    ['GET', '/', everybody],
    ['GET', '/metrics', everybody],
    ['GET', '/docs', everybody],
    ['GET', '/api/v1/openapi.json', everybody],
    ['GET', '/queues', everybody],
    ['GET', '/queues/api/queues', everybody],
    ['PUT', '/queues/api/queues/pause', ['admin']],
    ['PUT', '/queues/api/queues/checks/obliterate', ['admin']],
    ['GET', '/api/v1/models', everybody],
    ['GET', version, everybody],
    ['GET', '/api/v1/models/m/history', everybody],
    ['GET', '/api/v1/approvals', everybody],
    ['GET', unknownRequest, everybody],
    ['POST', '/api/v1/models/m/versions', ['registrar', 'admin'], body],
    ['POST', `${version}/validate`, ['registrar', 'approver', 'admin']],
    ['POST', `${version}/promote`, ['registrar', 'approver', 'admin']],
    ['POST', `${version}/archive`, ['approver', 'admin']],
    ['POST', `${unknownRequest}/approve`, ['approver', 'admin']],
    ['POST', `${unknownRequest}/decline`, ['approver', 'admin'], { reason: 'no' }],
    ['POST', '/api/v1/tokens', ['admin'], { name: 'x', roles: ['viewer'] }],
    ['GET', '/api/v1/tokens', ['admin']],
    ['DELETE', '/api/v1/tokens/none', ['admin']],
  ])('%s %s is for %j only', async (method, url, allowed, payload) => {
    const refused: Role[] = []
    for (const role of everybody) {
      const answer = await fixture.app.inject({
        method: method as 'GET',
        url,
        headers: fixture.as(role),
        ...(payload && { payload }),
      })
      expect(answer.statusCode).not.toBe(401)
      if (answer.statusCode === 403) refused.push(role)
    }
    expect(refused).toEqual(everybody.filter((role) => !allowed.includes(role)))
  })

  test('a token without any role may do nothing at all', async () => {
    const none = bearer(await giveToken(fixture.deps, 'nobody', []))
    expect((await fixture.app.inject({ url: '/api/v1/models', headers: none })).statusCode).toBe(403)
  })

  test('a registrar who promotes asks, and does not decide', async () => {
    const deps = lifecycleDeps()
    const { version } = await registerToApproval(fixture.deps.db, deps, 'asked-about')
    const url = `/api/v1/models/asked-about/versions/${version}/promote`
    const answer = await fixture.app.inject({ method: 'POST', url, headers: fixture.as('registrar') })
    expect([answer.statusCode, answer.json().outcome]).toEqual([202, 'asked'])
  })
})

describe('start-up', () => {
  test('stops when a route does not say who may call it', async () => {
    const app = fastify()
    guardRoutes(app, fixture.deps, makeAuthenticator(fixture.deps))
    app.get('/fine', { config: { access: 'public' } }, async () => 'fine')
    app.get('/forgotten', async () => 'secret')
    await expect(app.ready()).rejects.toThrow('GET /forgotten')
  })
})

describe('with GREENROOM_AUTH=off', () => {
  let local: AppFixture
  beforeAll(async () => {
    local = await openApp({ config: { auth: 'off' } })
  })
  afterAll(() => local.close())

  test('everybody may do everything, under the name they give', async () => {
    await register(local.deps.db, registration('free'), actor('ci'), lifecycleDeps())
    const post = (headers: Record<string, string>) =>
      local.app.inject({
        method: 'POST',
        url: '/api/v1/models/named/versions',
        headers,
        payload: { source: 'file:///m' },
      })
    expect((await post({})).statusCode).toBe(201)
    expect((await post({ 'x-greenroom-user': 'alice' })).statusCode).toBe(201)
    const versions = ['1', '2'].map((number) => local.app.inject(`/api/v1/models/named/versions/${number}`))
    const [first, second] = await Promise.all(versions)
    expect([first?.json().registered_by, second?.json().registered_by]).toEqual(['local', 'alice'])
    expect((await post({ 'x-greenroom-user': ' '.repeat(3) })).statusCode).toBe(400)
  })

  test('another site’s page can still not act, through a browser on the same machine', async () => {
    const post = (headers: Record<string, string>) =>
      local.app.inject({ method: 'POST', url: '/api/v1/models/free/versions/1/validate', headers })
    expect((await post({ 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403)
    expect((await post({ 'sec-fetch-site': 'same-site' })).statusCode).toBe(403)
    expect((await post({ origin: 'https://evil.example' })).statusCode).toBe(403)
    expect((await post({ origin: 'null' })).statusCode).toBe(403)
    expect((await post({ host: 'evil.example' })).statusCode).toBe(421)
    expect((await post({ 'sec-fetch-site': 'same-origin' })).statusCode).toBe(409)
  })
})

describe('the host', () => {
  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'x@localhost',
    '[::2]',
    '0.0.0.0',
  ])('a request for "%s" is refused on a loopback address', async (host) => {
    const answer = await send('GET', '/healthz', { host })
    expect([400, 421]).toContain(answer.status)
  })

  test.each(['localhost', 'LOCALHOST:80', '127.0.0.1:4100', '[::1]:4100', 'board.example'])(
    'a request for "%s" is answered',
    async (host) => {
      const known = await openApp({ config: { publicUrl: 'https://board.example' } })
      const answer = await known.app.inject({ url: '/healthz', headers: { host } })
      expect(answer.statusCode).toBe(200)
      await known.close()
    },
  )
})
