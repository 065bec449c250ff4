import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import { actor, lifecycleDeps, registerToApproval, runChecks } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { type AppFixture, bearer, giveToken, openApp } from './app-fixture.ts'

let fixture: AppFixture
let people: Record<'alice' | 'bob' | 'carol' | 'mallory', { authorization: string }>
beforeAll(async () => {
  fixture = await openApp()
  const token = async (name: string) => bearer(await giveToken(fixture.deps, name, ['approver', 'registrar']))
  people = {
    alice: await token('alice'),
    bob: await token('bob'),
    carol: await token('carol'),
    mallory: await token('mallory'),
  }
})
afterAll(() => fixture.close())

async function call(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  headers: Record<string, string>,
  payload?: object,
) {
  const answer = await fixture.app.inject({
    method,
    url: `/api/v1${path}`,
    headers,
    ...(payload && { payload }),
  })
  return { status: answer.statusCode, body: answer.json() }
}

const registerVersion = (
  name: string,
  payload: object = {},
  headers: Record<string, string> = fixture.as('registrar'),
) =>
  call('POST', `/models/${name}/versions`, headers, {
    source: `file:///models/${name}`,
    metrics: { score: 1 },
    ...payload,
  })

const infoOf = async (name: string, version: number) =>
  (await call('GET', `/models/${name}/versions/${version}`, fixture.as('viewer'))).body

const waiting = (name: string) => registerToApproval(fixture.deps.db, lifecycleDeps(), name)

describe('registering by hand', () => {
  test('stores what is said, under the caller’s name', async () => {
    const said = {
      run_id: 'r1',
      tags: { a: 'b' },
      description: 'd',
      author: 'carol',
      digest: `sha256:${'0'.repeat(64)}`,
    }
    const { status, body } = await registerVersion('by-hand', said)
    expect([status, body]).toEqual([
      201,
      { outcome: 'registered', name: 'by-hand', version: 1, stage: 'None', state: 'validating' },
    ])
    expect(await infoOf('by-hand', 1)).toMatchObject({
      ...said,
      registered_by: 'registrar-token',
      metrics: { score: 1 },
    })
  })

  test('the same version again is a duplicate; with another source it is a conflict', async () => {
    await registerVersion('again', { version: 3 })
    expect(await registerVersion('again', { version: 3 })).toMatchObject({
      status: 200,
      body: { outcome: 'duplicate' },
    })
    expect(await registerVersion('again', { version: 3, source: 'file:///other' })).toMatchObject({
      status: 409,
      body: { error: { code: 'version_conflict' } },
    })
  })

  test('an idempotency key makes a repetition change nothing, also in parallel', async () => {
    const headers = { ...fixture.as('registrar'), 'idempotency-key': 'key-1' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => registerVersion('once', {}, headers)))
    expect(answers.map(({ body }) => body.version)).toEqual(Array(20).fill(1))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    const other = await registerVersion('once', { description: 'changed' }, headers)
    expect(other).toMatchObject({ status: 409, body: { error: { code: 'idempotency_key_reused' } } })
    expect((await call('GET', '/models/once', fixture.as('viewer'))).body.versions).toHaveLength(1)
  })

  test('a key belongs to whoever used it: another caller’s same key is another key', async () => {
    const key = { 'idempotency-key': 'shared' }
    await registerVersion('keyed', {}, { ...fixture.as('registrar'), ...key })
    expect((await registerVersion('keyed', {}, { ...people.alice, ...key })).body.version).toBe(2)
  })

  test.each(['', 'a b', 'k'.repeat(256), 'ü'])('the key %j is refused', async (key) => {
    const answer = await registerVersion('keyed', {}, { ...fixture.as('registrar'), 'idempotency-key': key })
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_input' } } })
  })
})

describe('showing', () => {
  test('lists models by name, page by page', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await registerVersion(name)
    const first = (await call('GET', '/models?after=page-&limit=2', fixture.as('viewer'))).body
    expect(first.models.map((model: { name: string }) => model.name)).toEqual(['page-a', 'page-b'])
    const second = (await call('GET', `/models?after=${first.next_after}&limit=2`, fixture.as('viewer'))).body
    expect(second.models[0]).toMatchObject({ name: 'page-c', versions: 1, latest_version: 1, production: [] })
  })

  test('lists a model’s versions newest first, page by page', async () => {
    for (let i = 0; i < 3; i++) await registerVersion('versions')
    const first = (await call('GET', '/models/versions?limit=2', fixture.as('viewer'))).body
    expect([first.versions.map((row: { version: number }) => row.version), first.next_before]).toEqual([
      [3, 2],
      2,
    ])
    const rest = (await call('GET', '/models/versions?limit=2&before=2', fixture.as('viewer'))).body
    expect([rest.versions[0].version, rest.next_before]).toEqual([1, null])
  })

  test('lists a model’s versions in one stage, newest first, page by page', async () => {
    const { version } = await waiting('staged')
    await registerVersion('staged')
    const inStage = async (query: string) =>
      (await call('GET', `/models/staged?${query}`, fixture.as('viewer'))).body
    const staged = await inStage('stage=Staging&limit=1')
    expect(staged.versions).toMatchObject([{ version, stage: 'Staging' }])
    expect(await inStage(`stage=Staging&limit=1&before=${staged.next_before}`)).toMatchObject({
      versions: [],
      next_before: null,
    })
    expect((await inStage('stage=None')).versions).toMatchObject([{ version: version + 1 }])
    const refused = await call('GET', '/models/staged?stage=Deleted_Internal', fixture.as('viewer'))
    expect(refused).toMatchObject({ status: 400, body: { error: { code: 'invalid_input' } } })
  })

  test('shows a version with its checks, its validations and its approval', async () => {
    const { version, requestId } = await waiting('shown')
    const info = await infoOf('shown', version)
    expect(info).toMatchObject({
      stage: 'Staging',
      state: 'awaitingApproval',
      checks: [{ check: 'metrics', verdict: 'passed', summary: 'it passed', measured: {} }],
      validations: [
        { suite: 'test', status: 'passed' },
        { suite: 'validate', status: 'passed' },
      ],
      approval: { id: requestId, state: 'pending', approvers: ['alice', 'bob'], quorum: 1, decisions: [] },
    })
    expect(info).not.toHaveProperty('lifecycle')
  })

  test('shows a history with its hashes, page by page, and whether it is intact', async () => {
    const { version } = await waiting('told')
    const all = (await call('GET', '/models/told/history', fixture.as('viewer'))).body
    expect(all).toMatchObject({ name: 'told', intact: true, next_after_seq: null })
    expect(all.events.map((event: { type: string }) => event.type)).toEqual([
      'registered',
      'validationPassed',
      'validationPassed',
    ])
    expect(all.events[1].prev_hash).toBe(all.events[0].hash)
    expect(all.events[0]).toMatchObject({
      seq: 1,
      version,
      from: null,
      to: { stage: 'None', state: 'validating' },
    })
    const page = (await call('GET', '/models/told/history?after_seq=1&limit=1', fixture.as('viewer'))).body
    expect([page.events[0].seq, page.next_after_seq]).toEqual([2, 2])
  })

  test('a history of which a row was changed behind our back is not intact', async () => {
    await waiting('forged')
    const { db } = fixture.deps
    await fixture.tamper('update event set actor = $1 where model = $2 and seq = 2', ['nobody', 'forged'])
    expect((await call('GET', '/models/forged/history', fixture.as('viewer'))).body.intact).toBe(false)
    expect(await db.selectFrom('event').where('actor', '=', 'nobody').select('seq').execute()).toHaveLength(1)
  })

  test('the history of a version that never was is 404, that of a deleted one is told', async () => {
    await waiting('gone')
    const headers = fixture.as('admin')
    const url = '/api/2.0/mlflow/model-versions/delete'
    const payload = { name: 'gone', version: '1' }
    expect((await fixture.app.inject({ method: 'DELETE', url, headers, payload })).statusCode).toBe(200)
    const historyOf = (version: number) => call('GET', `/models/gone/history?version=${version}`, headers)
    expect((await historyOf(1)).body.events.at(-1)).toMatchObject({ type: 'versionDeleted', to: null })
    const none = await historyOf(2)
    expect([none.status, none.body.error.message]).toEqual([404, 'There is no version 2 of "gone".'])
  })

  test('lists the requests that wait, and shows one', async () => {
    const { requestId } = await waiting('listed')
    const pending = (await call('GET', '/approvals?state=pending', fixture.as('viewer'))).body.approvals
    expect(pending).toContainEqual(
      expect.objectContaining({ id: requestId, model: 'listed', state: 'pending' }),
    )
    const one = (await call('GET', `/approvals/${requestId}`, fixture.as('viewer'))).body
    expect(one).toMatchObject({ id: requestId, model: 'listed', version: 1, incumbent_version: null })
  })

  test('lists every request that waits, page by page, each once', async () => {
    for (const name of ['paged-1', 'paged-2', 'paged-3']) await waiting(name)
    const viewer = fixture.as('viewer')
    const all = (await call('GET', '/approvals?state=pending&limit=200', viewer)).body
    expect(all.next_before).toBeNull()
    const seen: string[] = []
    for (let before = ''; ; ) {
      const { body } = await call('GET', `/approvals?state=pending&limit=1${before}`, viewer)
      seen.push(...body.approvals.map(({ id }: { id: string }) => id))
      if (body.next_before === null) break
      before = `&before=${body.next_before}`
    }
    expect(seen).toEqual(all.approvals.map(({ id }: { id: string }) => id))
    const unknown = await call('GET', '/approvals?before=00000000-0000-4000-8000-000000000000', viewer)
    expect([unknown.status, unknown.body.approvals]).toEqual([200, []])
  })
})

describe('deciding', () => {
  test('an approval promotes, archives the incumbent, and stands in the history with its channel and reason', async () => {
    const first = await waiting('decided')
    await call('POST', `/approvals/${first.requestId}/approve`, people.alice)
    const second = await waiting('decided')
    const headers = { ...people.alice, 'x-greenroom-client': 'cli' }
    const { status, body } = await call('POST', `/approvals/${second.requestId}/approve`, headers, {
      reason: 'better',
    })
    expect([status, body]).toEqual([
      200,
      { outcome: 'promoted', name: 'decided', version: 2, request_id: second.requestId, replaced: [1] },
    ])
    expect([(await infoOf('decided', 1)).stage, (await infoOf('decided', 2)).stage]).toEqual([
      'Archived',
      'Production',
    ])
    const summary = (await call('GET', '/models?after=decidec&limit=1', fixture.as('viewer'))).body.models[0]
    expect(summary).toMatchObject({ name: 'decided', production: [2] })
    const { events } = (await call('GET', '/models/decided/history?version=2', fixture.as('viewer'))).body
    expect(events.at(-1)).toMatchObject({
      type: 'approved',
      actor: 'alice',
      channel: 'cli',
      reason: 'better',
    })
  })

  test('the same answer again is a duplicate; another answer after the end is refused', async () => {
    const { requestId } = await waiting('answered')
    await call('POST', `/approvals/${requestId}/decline`, people.alice, { reason: 'too slow' })
    expect(
      await call('POST', `/approvals/${requestId}/decline`, people.alice, { reason: 'too slow' }),
    ).toMatchObject({
      status: 200,
      body: { outcome: 'duplicate' },
    })
    expect(await call('POST', `/approvals/${requestId}/approve`, people.bob)).toMatchObject({
      status: 409,
      body: { error: { code: 'request_closed' } },
    })
    expect(await infoOf('answered', 1)).toMatchObject({
      stage: 'Staging',
      state: 'declined',
      approval: {
        state: 'declined',
        decisions: [{ principal: 'alice', answer: 'decline', reason: 'too slow' }],
      },
    })
  })

  test('a decline needs a reason', async () => {
    const { requestId } = await waiting('unreasoned')
    for (const payload of [{}, { reason: '' }, { reason: ' \n' }, undefined])
      expect((await call('POST', `/approvals/${requestId}/decline`, people.alice, payload)).status).toBe(400)
    expect((await call('GET', `/approvals/${requestId}`, people.alice)).body.state).toBe('pending')
  })

  test('who is not on the list of approvers cannot decide, whatever their role', async () => {
    const { requestId } = await waiting('listed-only')
    for (const headers of [people.mallory, fixture.as('admin')])
      expect(await call('POST', `/approvals/${requestId}/approve`, headers)).toMatchObject({
        status: 403,
        body: { error: { code: 'not_an_approver' } },
      })
  })

  test('nobody approves what they registered themselves', async () => {
    const { body } = await registerVersion('own', {}, people.alice)
    await runChecks(fixture.deps.db, lifecycleDeps())
    const { approval } = await infoOf('own', body.version)
    expect(await call('POST', `/approvals/${approval.id}/approve`, people.alice)).toMatchObject({
      status: 403,
      body: { error: { code: 'own_version' } },
    })
    expect((await call('POST', `/approvals/${approval.id}/approve`, people.bob)).body.outcome).toBe(
      'promoted',
    )
  })

  test('a quorum is counted', async () => {
    const policy = policyOf(`
defaults:
  validate: [ { metrics: { score: { min: 0 } } } ]
  test: []
  approval: { approvers: [alice, bob], quorum: 2 }
people: { alice: {}, bob: {} }
`)
    const two = await openApp({ policy })
    const { requestId } = await registerToApproval(two.deps.db, lifecycleDeps(policy), 'm')
    const approve = async (name: string) => {
      const headers = bearer(await giveToken(two.deps, name, ['approver']))
      const answer = await two.app.inject({
        method: 'POST',
        url: `/api/v1/approvals/${requestId}/approve`,
        headers,
      })
      return answer.json()
    }
    expect(await approve('alice')).toMatchObject({ outcome: 'counted', have: 1, need: 2 })
    expect(await approve('bob')).toMatchObject({ outcome: 'promoted' })
    await two.close()
  })

  test('of eight who approve and decline at once, one outcome holds and everybody is told so', async () => {
    const { requestId } = await waiting('contested')
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const headers = index % 4 < 2 ? people.alice : people.bob
        return index % 2 === 0
          ? call('POST', `/approvals/${requestId}/approve`, headers)
          : call('POST', `/approvals/${requestId}/decline`, headers, { reason: 'no' })
      }),
    )
    const won = answers.filter(({ body }) => ['promoted', 'declined'].includes(body.outcome))
    expect(won).toHaveLength(1)
    for (const { status } of answers) expect([200, 409]).toContain(status)
    const { state, decisions } = (await call('GET', `/approvals/${requestId}`, people.alice)).body
    expect(decisions).toHaveLength(1)
    expect(state).toBe(won[0]?.body.outcome === 'promoted' ? 'approved' : 'declined')
  })

  test('a request whose incumbent has changed is stale, and says what to do', async () => {
    const [first, second] = [await waiting('overtaken'), await waiting('overtaken')]
    await call('POST', `/approvals/${first.requestId}/approve`, people.alice)
    const late = await call('POST', `/approvals/${second.requestId}/approve`, people.alice)
    expect(late).toMatchObject({ status: 409, body: { error: { code: 'request_closed' } } })
    expect((await call('GET', `/approvals/${second.requestId}`, people.alice)).body.state).toBe('stale')
  })
})

describe('moving', () => {
  test('promote decides for an approver, and asks for anybody else', async () => {
    const { version } = await waiting('promoted')
    const path = `/models/promoted/versions/${version}/promote`
    expect(await call('POST', path, fixture.as('registrar'))).toMatchObject({
      status: 202,
      body: { outcome: 'asked' },
    })
    expect(await call('POST', path, people.alice, { reason: 'go' })).toMatchObject({
      status: 200,
      body: { outcome: 'promoted' },
    })
    expect(await call('POST', path, people.alice)).toMatchObject({
      status: 200,
      body: { outcome: 'already_live' },
    })
  })

  test('promote never skips a validation', async () => {
    await registerVersion('unvalidated')
    expect(await call('POST', '/models/unvalidated/versions/1/promote', people.alice)).toMatchObject({
      status: 409,
      body: { error: { code: 'not_ready' } },
    })
    await runChecks(fixture.deps.db, lifecycleDeps(), 'failed')
    const refused = await call('POST', '/models/unvalidated/versions/1/promote', people.alice)
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'not_ready' } } })
    expect((await infoOf('unvalidated', 1)).stage).toBe('None')
  })

  test('promote can leave the incumbent where it is', async () => {
    const first = await waiting('beside')
    await call('POST', `/models/beside/versions/${first.version}/promote`, people.alice)
    const second = await waiting('beside')
    const path = `/models/beside/versions/${second.version}/promote`
    expect((await call('POST', path, people.alice, { archive_existing: false })).body.replaced).toEqual([])
    expect(
      (await call('GET', '/models?after=besidd&limit=1', people.alice)).body.models[0].production,
    ).toEqual([2, 1])
  })

  test('asking again after a decline runs the tests again', async () => {
    const { version, requestId } = await waiting('retried')
    const decline = { answer: 'decline', reason: 'no' } as const
    const from = { name: 'alice', mayApprove: true }
    await answerRequest(fixture.deps.db, requestId, decline, from, actor('alice'), fixture.deps)
    const path = `/models/retried/versions/${version}/promote`
    expect(await call('POST', path, fixture.as('registrar'))).toMatchObject({
      status: 202,
      body: { outcome: 'testing' },
    })
  })

  test('validate runs the checks of a rejected version again', async () => {
    await registerVersion('rejected')
    await runChecks(fixture.deps.db, lifecycleDeps(), 'failed')
    const path = '/models/rejected/versions/1/validate'
    expect(await call('POST', path, fixture.as('registrar'), { reason: 'data was late' })).toMatchObject({
      status: 200,
      body: { outcome: 'moved', stage: 'None', state: 'validating' },
    })
    const again = await call('POST', path, fixture.as('registrar'))
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'illegal_move' } } })
    expect(again.body.error.message).toContain('validating')
  })

  test('archive takes a version out of service, once', async () => {
    const { version } = await waiting('archived')
    await call('POST', `/models/archived/versions/${version}/promote`, people.alice)
    const path = `/models/archived/versions/${version}/archive`
    expect((await call('POST', path, people.alice, { reason: 'retired' })).body).toMatchObject({
      stage: 'Archived',
    })
    expect((await call('POST', path, people.alice)).status).toBe(409)
    const back = await call('POST', `/models/archived/versions/${version}/promote`, people.alice)
    expect(back.body.error.message).toContain('It is in Archived; run `greenroom validate` to bring it back')
  })
})

describe('tokens', () => {
  const admin = () => fixture.as('admin')

  test('a token is shown once, works at once, and is listed without its secret', async () => {
    const { status, body } = await call('POST', '/tokens', admin(), {
      name: 'ci',
      roles: ['registrar', 'registrar'],
      expires_in: '90d',
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      name: 'ci',
      roles: ['registrar'],
      created_by: 'admin-token',
      revoked_at: null,
    })
    expect(body.token).toMatch(/^gr_[0-9a-f]{12}_[\w-]{43}$/)
    const days = (Date.parse(body.expires_at) - Date.parse(body.created_at)) / 86_400_000
    expect(days).toBe(90)
    expect((await registerVersion('by-token', {}, bearer(body.token))).status).toBe(201)
    const listed = (await call('GET', '/tokens', admin())).body
    expect(listed.tokens.find((token: { id: string }) => token.id === body.id)).toMatchObject({ name: 'ci' })
    expect(JSON.stringify(listed)).not.toContain(body.token.slice(16))
    expect(JSON.stringify(listed)).not.toContain('hash')
  })

  test.each([
    ['no role', { name: 'x', roles: [] }],
    ['an unknown role', { name: 'x', roles: ['root'] }],
    ['no name', { roles: ['viewer'] }],
    ['a blank name', { name: ' ', roles: ['viewer'] }],
    ['a name of two lines', { name: 'a\nb', roles: ['viewer'] }],
    ['a name like a Slack user', { name: 'slack:U1', roles: ['viewer'] }],
    ['a name like a Slack user in a wide script', { name: 'ｓlack：U1', roles: ['viewer'] }],
    ['a life of no length', { name: 'x', roles: ['viewer'], expires_in: '0s' }],
    ['a life beyond any use', { name: 'x', roles: ['viewer'], expires_in: '9999d' }],
    ['a life in words', { name: 'x', roles: ['viewer'], expires_in: 'a week' }],
    ['a field too many', { name: 'x', roles: ['viewer'], id: 'mine' }],
  ])('with %s is refused', async (_, payload) => {
    expect((await call('POST', '/tokens', admin(), payload)).status).toBe(400)
  })

  test('revoking twice keeps the first time; what is not there is 404', async () => {
    const { body } = await call('POST', '/tokens', admin(), { name: 'gone', roles: ['viewer'] })
    const first = await call('DELETE', `/tokens/${body.id}`, admin())
    const second = await call('DELETE', `/tokens/${body.id}`, admin())
    expect(second.body.revoked_at).toBe(first.body.revoked_at)
    expect((await call('DELETE', '/tokens/none', admin())).status).toBe(404)
  })

  test('no token stands in the log', async () => {
    const { body } = await call('POST', '/tokens', admin(), { name: 'quiet', roles: ['viewer'] })
    await fixture.app.inject({ url: `/api/v1/models?token=${body.token}`, headers: bearer(body.token) })
    const log = JSON.stringify(fixture.logged())
    expect(log).toContain('a token was made')
    expect(log).not.toContain(body.token.slice(16))
  })
})

test('the OpenAPI document describes every route of the API, each with a summary, its answers and the role it needs', async () => {
  const document = (await call('GET', '/openapi.json', fixture.as('viewer'))).body
  expect(document.openapi).toMatch(/^3\.1/)
  const operations = Object.entries<
    Record<string, { summary?: string; description?: string; responses: object }>
  >(document.paths)
  const found = operations.flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(found.sort()).toMatchInlineSnapshot(`
    [
      "delete /api/v1/tokens/{id}",
      "get /api/v1/approvals",
      "get /api/v1/approvals/{id}",
      "get /api/v1/models",
      "get /api/v1/models/{name}",
      "get /api/v1/models/{name}/history",
      "get /api/v1/models/{name}/versions/{version}",
      "get /api/v1/tokens",
      "get /api/v1/webhooks/{id}/deliveries",
      "post /api/v1/approvals/{id}/approve",
      "post /api/v1/approvals/{id}/decline",
      "post /api/v1/models/{name}/versions",
      "post /api/v1/models/{name}/versions/{version}/archive",
      "post /api/v1/models/{name}/versions/{version}/promote",
      "post /api/v1/models/{name}/versions/{version}/validate",
      "post /api/v1/tokens",
      "post /api/v1/webhooks/deliveries/{id}/replay",
    ]
  `)
  for (const operation of operations.flatMap(([, methods]) => Object.values(methods))) {
    expect(operation.summary).toBeTruthy()
    expect(operation.description).toMatch(/Needs the role/)
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['4XX', '5XX']))
  }
  const text = JSON.stringify(document)
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(document.components.schemas).toHaveProperty(name)
})

test('the OpenAPI document asks for a body where the route does, and nowhere else', async () => {
  const { paths } = (await call('GET', '/openapi.json', fixture.as('viewer'))).body as {
    paths: Record<string, Record<string, { requestBody?: { required?: boolean } }>>
  }
  const id = '00000000-0000-4000-8000-000000000000'
  for (const [path, methods] of Object.entries(paths)) {
    const requestBody = methods.post?.requestBody
    if (requestBody === undefined) continue
    const url = path
      .replace('/api/v1', '')
      .replace('{name}', 'none')
      .replace('{version}', '1')
      .replace('{id}', id)
    const { status } = await call('POST', url, fixture.as('admin'))
    expect([path, status === 400]).toEqual([path, requestBody.required])
  }
})
