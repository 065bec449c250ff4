import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAwayDatabase } from '../helpers/database.ts'
import { type AppFixture, mlflowSecret, openApp, registrationKey } from './app-fixture.ts'
import {
  type Delivery,
  mlflowBody,
  mlflowDelivery,
  registrationBody,
  registrationDelivery,
} from './deliveries.ts'

let fixture: AppFixture
beforeAll(async () => {
  fixture = await openApp()
})
afterAll(() => fixture.close())

const send = (request: Delivery) => fixture.app.inject(request)

async function versionsOf(name: string): Promise<number> {
  const rows = await fixture.deps.db
    .selectFrom('model_version')
    .innerJoin('registered_model', 'registered_model.id', 'model_version.model_id')
    .where('name', '=', name)
    .select('version')
    .execute()
  return rows.length
}

async function outcomes(): Promise<Record<string, number>> {
  const answer = await fixture.app.inject({ url: '/metrics', headers: fixture.as('viewer') })
  const lines = answer.body.matchAll(
    /^greenroom_webhook_deliveries_total\{source="(\w+)",outcome="(\w+)"\} (\d+)$/gm,
  )
  return Object.fromEntries(
    [...lines].map(([, source, outcome, count]) => [`${source}.${outcome}`, Number(count)]),
  )
}

describe('registrations', () => {
  test('a signed registration is stored with everything it says, and answered with where it stands', async () => {
    const data = {
      name: 'full',
      source: 's3://bucket/model.onnx',
      version: 7,
      run_id: 'run-1',
      metrics: { rmspe: 0.12 },
      tags: { team: 'forecast' },
      description: 'the first',
      author: 'carol',
      digest: `sha256:${'a'.repeat(64)}`,
    }
    const answer = await send(registrationDelivery(registrationBody(data)))
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ name: 'full', version: 7, stage: 'None', state: 'validating' })
    const url = '/api/v1/models/full/versions/7'
    const stored = await fixture.app.inject({ url, headers: fixture.as('viewer') })
    expect(stored.json()).toMatchObject({ ...data, registered_by: 'webhook:registrations' })
    expect(stored.json().trace_id).toBe(answer.headers['x-request-id'])
  })

  test('without a version the next number is taken', async () => {
    const numbers = []
    for (let i = 0; i < 3; i++)
      numbers.push((await send(registrationDelivery(registrationBody({ name: 'counted' })))).json().version)
    expect(numbers).toEqual([1, 2, 3])
  })

  test('a replay changes nothing and is answered with where the version stands now', async () => {
    const request = registrationDelivery(registrationBody({ name: 'replayed' }))
    const first = await send(request)
    await fixture.deps.db
      .updateTable('model_version')
      .set({ state: 'rejected' })
      .where('trace_id', '=', String(first.headers['x-request-id']))
      .execute()
    const second = await send(request)
    expect(second.statusCode).toBe(200)
    expect(second.json()).toEqual({ ...first.json(), state: 'rejected' })
    expect(await versionsOf('replayed')).toBe(1)
  })

  test('a retry under the same id with a fresh timestamp and signature is the same delivery', async () => {
    const body = registrationBody({ name: 'retried' })
    await send(registrationDelivery(body, { id: 'msg_retried', at: new Date(Date.now() - 60_000) }))
    expect((await send(registrationDelivery(body, { id: 'msg_retried' }))).statusCode).toBe(200)
    expect(await versionsOf('retried')).toBe(1)
  })

  test('the same id with another body is refused and written to the log', async () => {
    const before = (await outcomes())['registrations.reused'] ?? 0
    await send(registrationDelivery(registrationBody({ name: 'swapped' }), { id: 'msg_swapped' }))
    const answer = await send(
      registrationDelivery(registrationBody({ name: 'other' }), { id: 'msg_swapped' }),
    )
    expect(answer.statusCode).toBe(409)
    expect(answer.json().error.code).toBe('delivery_reused')
    expect(await versionsOf('other')).toBe(0)
    expect((await outcomes())['registrations.reused']).toBe(before + 1)
    const lines = fixture
      .logged()
      .filter((line) => line.outcome === 'reused' && line.delivery === 'msg_swapped')
    expect(lines).toMatchObject([{ level: 40, source: 'registrations' }])
  })

  test('the same version under another id is a duplicate; with another source it is a conflict', async () => {
    const body = registrationBody({ name: 'twice', version: 1 })
    await send(registrationDelivery(body))
    expect((await send(registrationDelivery(body))).statusCode).toBe(200)
    const other = registrationBody({ name: 'twice', version: 1, source: 'file:///elsewhere' })
    const conflict = await send(registrationDelivery(other, { id: 'msg_conflict' }))
    expect(conflict.statusCode).toBe(409)
    expect(conflict.json().error.code).toBe('version_conflict')
    expect(await versionsOf('twice')).toBe(1)
    // What was refused left nothing behind: the corrected body comes under the same id.
    const corrected = registrationBody({ name: 'twice', source: 'file:///elsewhere' })
    expect((await send(registrationDelivery(corrected, { id: 'msg_conflict' }))).json().version).toBe(2)
  })

  test('50 parallel copies register once, and all are told the same', async () => {
    const request = registrationDelivery(registrationBody({ name: 'storm' }))
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(request)))
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array(50).fill(200))
    for (const answer of answers)
      expect(answer.json()).toEqual({ name: 'storm', version: 1, stage: 'None', state: 'validating' })
    expect(await versionsOf('storm')).toBe(1)
    const rows = await fixture.deps.db.selectFrom('event').where('model', '=', 'storm').selectAll().execute()
    expect(rows.map((row) => row.type)).toEqual(['registered'])
    const commands = await fixture.deps.db
      .selectFrom('command')
      .where('model', '=', 'storm')
      .select('kind')
      .execute()
    expect(commands).toEqual([{ kind: 'runCheck' }])
  })

  test('50 parallel copies of which half carry another body register one of the two, once', async () => {
    const id = 'msg_mixed'
    const bodies = ['left', 'right'].map((name) => registrationBody({ name: `mixed-${name}` }))
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => send(registrationDelivery(bodies[index % 2] ?? '', { id }))),
    )
    const counts = Map.groupBy(answers, (answer) => answer.statusCode)
    expect(counts.get(200)).toHaveLength(25)
    expect(counts.get(409)).toHaveLength(25)
    expect((await versionsOf('mixed-left')) + (await versionsOf('mixed-right'))).toBe(1)
  })

  test('event types that register nothing are answered 200 and counted', async () => {
    const before = (await outcomes())['registrations.ignored'] ?? 0
    const body = JSON.stringify({ type: 'model_version.celebrated', anything: [1, { deep: true }] })
    const answer = await send(registrationDelivery(body))
    expect([answer.statusCode, answer.json()]).toEqual([200, { ignored: true }])
    expect((await outcomes())['registrations.ignored']).toBe(before + 1)
  })

  test.each([
    ['an unknown field', { stage: 'Production' }, 'stage'],
    ['a missing source', { source: undefined }, 'data.source'],
    ['a name with a slash', { name: 'a/b' }, 'data.name'],
    ['a blank name', { name: '  ' }, 'data.name'],
    ['a name like a path', { name: '..' }, 'data.name'],
    ['a name that is too long', { name: 'n'.repeat(257) }, 'data.name'],
    ['a number for a name', { name: 7 }, 'data.name'],
    ['a version as text', { version: '1' }, 'data.version'],
    ['version 0', { version: 0 }, 'data.version'],
    ['a version beyond any', { version: 2 ** 31 }, 'data.version'],
    ['half a version', { version: 1.5 }, 'data.version'],
    ['a metric that is no number', { metrics: { score: 'good' } }, 'data.metrics.score'],
    ['a metric that is null', { metrics: { score: null } }, 'data.metrics.score'],
    ['a tag that is a number', { tags: { a: 1 } }, 'data.tags.a'],
    ['tags as a list', { tags: ['a'] }, 'data.tags'],
    ['a digest of another kind', { digest: 'md5:abc' }, 'data.digest'],
    ['a NUL', { description: 'a\0b' }, 'NUL'],
    ['half a surrogate pair', { description: 'a\ud800b' }, 'surrogate'],
  ])('%s is refused with the field named', async (_, data, named) => {
    const answer = await send(registrationDelivery(registrationBody(data)))
    expect(answer.statusCode).toBe(400)
    expect(answer.json().error.message).toContain(named)
  })

  test('a metric beyond all numbers is refused', async () => {
    const body = registrationBody().replace('"score":1', '"score":1e999')
    expect((await send(registrationDelivery(body))).statusCode).toBe(400)
  })
})

describe('mlflow', () => {
  test('a created version is registered as its payload says, its author from the tag', async () => {
    const body = mlflowBody({ name: 'from-mlflow', version: '12', run_id: 'abc', description: 'x' })
    const answer = await send(mlflowDelivery(body))
    expect(answer.json()).toEqual({ name: 'from-mlflow', version: 12, stage: 'None', state: 'validating' })
    const url = '/api/v1/models/from-mlflow/versions/12'
    const stored = await fixture.app.inject({ url, headers: fixture.as('viewer') })
    expect(stored.json()).toMatchObject({
      source: 'models:/m-1',
      run_id: 'abc',
      author: 'carol',
      description: 'x',
      tags: { 'mlflow.user': 'carol' },
      registered_by: 'webhook:mlflow',
    })
  })

  test('an empty run is none', async () => {
    await send(mlflowDelivery(mlflowBody({ name: 'by-hand', version: '1', run_id: '' })))
    const url = '/api/v1/models/by-hand/versions/1'
    const stored = await fixture.app.inject({ url, headers: fixture.as('viewer') })
    expect(stored.json()).toMatchObject({ version: 1, run_id: null })
  })

  test('fields that it may add some day are let be', async () => {
    const body = mlflowBody({ name: 'newer', aliases: ['a'], nested: { more: 1 } })
    expect((await send(mlflowDelivery(body))).statusCode).toBe(200)
  })

  test.each(['registered_model.created', 'model_version_tag.set', 'budget_policy.exceeded', 'what.ever'])(
    'the event %s registers nothing and is answered 200',
    async (event) => {
      const [entity, action] = event.split('.')
      const answer = await send(mlflowDelivery(JSON.stringify({ entity, action, data: { name: 'none' } })))
      expect([answer.statusCode, answer.json()]).toEqual([200, { ignored: true }])
      expect(await versionsOf('none')).toBe(0)
    },
  )

  test.each(['0', '01', '1.0', 'abc', '', '-1', '99999999999', ' 1'])(
    'the version "%s" is refused',
    async (version) => {
      expect((await send(mlflowDelivery(mlflowBody({ version })))).statusCode).toBe(400)
    },
  )
})

describe.each([
  ['registrations', registrationDelivery, registrationBody, 'webhook'],
  ['mlflow', mlflowDelivery, mlflowBody, 'x-mlflow'],
] as const)('signatures of %s', (_, deliver, bodyOf, prefix) => {
  const idHeader = prefix === 'webhook' ? 'webhook-id' : 'x-mlflow-delivery-id'
  const body = bodyOf({ name: `signed-${prefix}` })
  const right = deliver(body)
  const headersOf = right.headers
  const signature = headersOf[`${prefix}-signature`] ?? ''
  const timestamp = `${prefix}-timestamp`

  test.each<[string, Record<string, string | undefined>]>([
    ['one character', { [`${prefix}-signature`]: 'v' }],
    ['nothing', { [`${prefix}-signature`]: '' }],
    ['no header', { [`${prefix}-signature`]: undefined }],
    ['10 kB', { [`${prefix}-signature`]: `v1,${'A'.repeat(10_000)}` }],
    ['another version of the scheme', { [`${prefix}-signature`]: signature.replace('v1', 'v0') }],
    ['no version of the scheme', { [`${prefix}-signature`]: signature.slice(3) }],
    ['base64 without its end', { [`${prefix}-signature`]: signature.slice(0, -1) }],
    ['the right length and other bytes', { [`${prefix}-signature`]: `v1,${'A'.repeat(43)}=` }],
    ['no id', { [idHeader]: undefined }],
    ['another id', { [idHeader]: 'other' }],
    ['no time', { [timestamp]: undefined }],
    ['a time that is no number', { [timestamp]: 'now' }],
    ['a negative time', { [timestamp]: '-1' }],
    ['another time', { [timestamp]: String(Number(headersOf[timestamp]) + 1) }],
  ])('a signature that is %s is 401', async (_name, headers) => {
    const changed = Object.entries({ ...right.headers, ...headers }).filter(
      ([, value]) => value !== undefined,
    )
    const answer = await fixture.app.inject({ ...right, headers: Object.fromEntries(changed) })
    expect(answer.statusCode).toBe(401)
    expect(answer.json().error.code).toBe('bad_signature')
  })

  test('a body altered by one space is 401, before it is parsed', async () => {
    expect((await fixture.app.inject({ ...right, payload: `${body} ` })).statusCode).toBe(401)
    expect((await fixture.app.inject({ ...right, payload: '{"broken' })).statusCode).toBe(401)
  })

  test.each(['a.b', '', 'a b', 'i'.repeat(129)])('the id "%s" is 401, however rightly signed', async (id) => {
    expect((await fixture.app.inject(deliver(body, { id }))).statusCode).toBe(401)
  })

  test('the wrong key is 401', async () => {
    expect((await fixture.app.inject(deliver(body, { key: 'not the key' }))).statusCode).toBe(401)
  })

  test('a time more than 300 s away is 401, in either direction; less is not', async () => {
    const at = (seconds: number) =>
      deliver(bodyOf({ name: `timed-${prefix}` }), { at: new Date(Date.now() + seconds * 1000) })
    const codes = []
    for (const seconds of [-302, 302, -290, 290])
      codes.push((await fixture.app.inject(at(seconds))).statusCode)
    expect(codes).toEqual([401, 401, 200, 200])
  })
})

test('any of several keys fits, and of several signatures any may be right', async () => {
  const old = Buffer.from('the key that is being rotated out')
  const rotating = await openApp({
    config: { webhooks: { mlflow: [mlflowSecret, 'old'], registrations: [old, registrationKey] } },
  })
  const body = registrationBody({ name: 'rotated' })
  for (const key of [old, registrationKey])
    expect((await rotating.app.inject(registrationDelivery(body, { key }))).statusCode).toBe(200)
  const request = registrationDelivery(body, { id: 'msg_two' })
  const two = `v1a,xyz v1,${'A'.repeat(43)}= ${request.headers['webhook-signature']}`
  const answer = await rotating.app.inject({
    ...request,
    headers: { ...request.headers, 'webhook-signature': two },
  })
  expect(answer.statusCode).toBe(200)
  expect((await rotating.app.inject(mlflowDelivery(mlflowBody(), { key: 'old' }))).statusCode).toBe(200)
  await rotating.close()
})

test('a source without a secret is 404, whatever it is sent', async () => {
  const off = await openApp({ config: { webhooks: { mlflow: [], registrations: [] } } })
  expect((await off.app.inject(mlflowDelivery(mlflowBody(), { key: '' }))).statusCode).toBe(404)
  expect((await off.app.inject(registrationDelivery(registrationBody()))).statusCode).toBe(404)
  await off.close()
})

test('with the database away a signed registration is 503 with a short Retry-After, and its retry is taken', async () => {
  const db = openAwayDatabase()
  const away = await openApp({ db })
  const request = registrationDelivery(registrationBody({ name: 'later' }), { id: `msg_${randomUUID()}` })
  const answer = await away.app.inject(request)
  expect([answer.statusCode, answer.json().error.code, answer.headers['retry-after']]).toEqual([
    503,
    'unavailable',
    '5',
  ])
  expect(answer.body).not.toMatch(/ECONNREFUSED|127\.0\.0\.1|stack/)
  expect(answer.json().error.message).toContain('whether anything was changed is not known')
  expect((await send(request)).statusCode).toBe(200)
  await away.close()
  await db.destroy()
})
