import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AppFixture, openApp } from './app-fixture.ts'
import { mlflowDelivery, registrationDelivery } from './deliveries.ts'
import { routesOf } from './routes.ts'

let fixture: AppFixture
beforeAll(async () => {
  fixture = await openApp()
})
afterAll(() => fixture.close())

const contentType = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-8',
  'application/x-www-form-urlencoded',
  'text/plain',
  'application/json;;',
  'ü',
)

// JSON that looks like what the routes take, with odd values in the places where they look.
const odd = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.jsonValue(),
  fc.constantFrom('\0', '\ud800', '__proto__', -1, 0, 2 ** 31, 1e308, 'a'.repeat(300), null, [], {}),
)
const keys = [
  'source',
  'version',
  'metrics',
  'tags',
  'digest',
  'reason',
  'archive_existing',
  'name',
  'roles',
  'expires_in',
  'type',
  'data',
  'entity',
  'action',
  'timestamp',
  'token',
]
const likely = fc.dictionary(fc.constantFrom(...keys), odd).map((value) => Buffer.from(JSON.stringify(value)))
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  likely,
  fc.json().map((text) => Buffer.from(text)),
)

describe('whatever bytes are sent', () => {
  test('to any route, by whoever may call it, the answer is never a 5xx', async () => {
    const routes = routesOf(fixture.app).filter(
      ({ method, path }) => !['GET', 'HEAD'].includes(method) && !path.startsWith('/queues'),
    )
    expect(routes.length).toBeGreaterThanOrEqual(11)
    const headers = { ...fixture.as('admin'), 'sec-fetch-site': 'same-origin' }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...routes),
        bytes,
        contentType,
        async ({ method, path }, payload, type) => {
          const answer = await fixture.app.inject({
            method: method as 'POST',
            url: path,
            headers: { ...headers, 'content-type': type },
            payload,
          })
          expect(answer.statusCode).toBeLessThan(500)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  test('to a webhook under a right signature, the answer is never a 5xx', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(registrationDelivery, mlflowDelivery),
        bytes,
        async (deliver, payload) => {
          const { statusCode } = await fixture.app.inject(deliver(payload))
          expect([200, 400, 409]).toContain(statusCode)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('as a registration with odd values in the right places, it is taken or refused', async () => {
    const data = fc.record(
      {
        name: fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('a', 'b')),
        source: fc.string({ unit: 'binary' }),
        version: fc.oneof(fc.integer(), fc.integer({ min: 1, max: 5 }), fc.double()),
        metrics: fc.dictionary(fc.string(), fc.oneof(fc.double(), fc.constant(-0))),
        tags: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })),
        description: fc.string({ unit: 'binary', maxLength: 2_000 }),
        author: fc.string(),
      },
      { requiredKeys: ['name', 'source'] },
    )
    const taken: number[] = []
    await fc.assert(
      fc.asyncProperty(data, async (said) => {
        const body = { type: 'model_version.registered', timestamp: '2026-01-01T00:00:00Z', data: said }
        const { statusCode } = await fixture.app.inject(registrationDelivery(JSON.stringify(body)))
        taken.push(statusCode)
        expect([200, 400, 409]).toContain(statusCode)
      }),
      { numRuns: 500 },
    )
    expect(taken.filter((status) => status === 200).length).toBeGreaterThan(20)
  })
})

describe('whatever path is asked for', () => {
  test('the answer is never a 5xx', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => encodeURIComponent(text.toWellFormed())),
      fc.webPath(),
      fc.constantFrom('%00', '%ff', '%2f', '..', '%2e%2e', '1', 'versions', 'history', '%zz', '+', ';'),
    )
    const query = fc.option(fc.webQueryParameters(), { nil: '' })
    const start = fc.constantFrom(
      '/api/v1/models',
      '/api/v1/approvals',
      '/queues',
      '/docs',
      '/queues/api/queues',
      '',
    )
    await fc.assert(
      fc.asyncProperty(start, fc.array(part, { maxLength: 4 }), query, async (first, parts, search) => {
        const url = `${[first, ...parts].join('/') || '/'}?${search}`
        if (url.startsWith('//')) return
        const answer = await fixture.app.inject({ url, headers: fixture.as('admin') })
        expect([url, answer.statusCode < 500]).toEqual([url, true])
      }),
      { numRuns: 1_000 },
    )
  })
})
