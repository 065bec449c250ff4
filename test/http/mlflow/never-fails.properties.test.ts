import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routesOf } from '../routes.ts'
import { openRegistry, type Registry } from './registry.ts'

let registry: Registry
let endpoints: { method: 'GET' | 'POST' | 'PATCH' | 'DELETE'; path: string }[]
beforeAll(async () => {
  registry = await openRegistry()
  await registry.make('a', 20)
  await registry.make('b', 20)
  endpoints = routesOf(registry.app).filter(
    ({ method, path }) => method !== 'HEAD' && path.startsWith('/api/2.0/mlflow/'),
  ) as typeof endpoints
})
afterAll(() => registry.close())

const keys = [
  'name',
  'new_name',
  'version',
  'stage',
  'stages',
  'key',
  'value',
  'tags',
  'alias',
  'source',
  'run_id',
  'run_link',
  'description',
  'archive_existing_versions',
  'filter',
  'max_results',
  'order_by',
  'page_token',
]
const oddText = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '1',
    '2',
    'Production',
    'none',
    's3://b/p',
    'models:/a/1',
    'latest',
    '',
    ' ',
    '\0',
    '\ud800',
  ),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '🎷',
    'a\u0301',
    '１２',
    '1e3',
    '9'.repeat(400),
    'x'.repeat(3_000),
    '..',
    '%2e',
  ),
  fc.constantFrom("name = 'a'", "tags.`k` LIKE '%'", 'name', 'version_number DESC', 'true'),
  fc.string({ unit: 'binary' }),
)
const odd = fc.oneof(
  { weight: 4, arbitrary: oddText },
  fc.boolean(),
  fc.array(oddText, { maxLength: 3 }),
  fc.array(fc.record({ key: oddText, value: oddText }, { requiredKeys: [] }), { maxLength: 3 }),
  fc.jsonValue(),
  fc.constantFrom(-1, 0, 1, 2 ** 31, 1e308, null, {}),
)
// What is fit for many endpoints, so that some calls come through.
const fit = fc.record({
  name: fc.constantFrom('a', 'b'),
  version: fc.integer({ min: 1, max: 20 }).map(String),
  key: fc.constantFrom('k', '__proto__'),
  alias: fc.constantFrom('champion', 'ж'),
  stage: fc.constantFrom('Staging', 'production'),
  source: fc.constantFrom('s3://b/p', 'models:/a/1'),
  new_name: fc.constantFrom('a', 'b', 'c'),
})
const strange = fc.dictionary(fc.constantFrom(...keys), odd, { maxKeys: 6 })
const likely = fc.oneof(
  strange,
  fc
    .tuple(fit, fc.dictionary(fc.constantFrom(...keys), odd, { maxKeys: 2 }))
    .map(([base, over]) => ({ ...base, ...over })),
)
const body = fc.oneof(
  { weight: 4, arbitrary: likely.map((value) => Buffer.from(JSON.stringify(value))) },
  likely.map((value) => Buffer.from(JSON.stringify(JSON.stringify(value)))),
  fc.json().map((value) => Buffer.from(value)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
)
const query = fc
  .tuple(
    fc.oneof(
      fc.constant([]),
      fit.map((said) => Object.entries(said)),
    ),
    fc.array(fc.tuple(fc.constantFrom(...keys), oddText), { maxLength: 3 }),
  )
  .map(([base, over]) => [...over, ...base] as [string, string][])
  .map((pairs) => pairs.map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`).join('&'))
const anyQuery = fc.oneof({ weight: 4, arbitrary: query }, fc.webQueryParameters(), fc.constant(''))
const contentType = fc.oneof(
  { weight: 4, arbitrary: fc.constant('application/json') },
  fc.constantFrom('application/json; charset=utf-8', 'text/plain', 'ü', undefined),
)
const anyRequest = fc.record({
  good: fc.constant(false),
  payload: fc.option(body, { nil: undefined }),
  search: anyQuery,
  type: contentType,
})
// Nothing in it is odd: an endpoint that refuses it has a reason of its own.
const goodRequest = fit.map((said) => ({
  good: true,
  payload: Buffer.from(JSON.stringify(said)),
  search: new URLSearchParams(said).toString(),
  type: 'application/json',
}))
const request = fc.oneof({ weight: 3, arbitrary: anyRequest }, goodRequest)

describe('whatever is sent to whichever endpoint', () => {
  test('the answer is never a 5xx, and every refusal has a code and a text', async () => {
    const statuses = new Map<string, Set<number>>()
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: endpoints.length - 1 }),
        request,
        async (at, { good, payload, search, type }) => {
          // Others may have deleted what it is about.
          if (good) await Promise.all([registry.make('a', 1), registry.make('b', 1)])
          const { method, path } = endpoints[at] as (typeof endpoints)[number]
          const answer = await registry.app.inject({
            method,
            url: `${path}?${search}`,
            headers: { ...registry.as('admin'), ...(type === undefined ? {} : { 'content-type': type }) },
            ...(payload === undefined ? {} : { payload }),
          })
          const told = answer.json()
          statuses.set(path, (statuses.get(path) ?? new Set()).add(answer.statusCode))
          expect([answer.statusCode < 500, told]).toEqual([true, told])
          if (answer.statusCode !== 200)
            expect(told).toEqual({
              error_code: expect.stringMatching(/^[A-Z_]+$/),
              message: expect.any(String),
            })
        },
      ),
      { numRuns: 2_000 },
    )
    // Worth something only if not everything is refused.
    const taken = [...statuses.values()].filter((seen) => seen.has(200))
    expect(taken.length).toBeGreaterThan(15)
  })

  test('the histories that come of it are whole', async () => {
    const models = await registry.deps.db.selectFrom('registered_model').select('name').execute()
    for (const { name } of models) {
      const { body } = await registry.get(`/api/v1/models/${encodeURIComponent(name)}/history`)
      expect(body.intact).toBe(true)
    }
  })
})
