import { describe, expect, test } from 'vitest'
import { actionIds } from '../../src/notifiers/slack/message.ts'
import { buildRequest, type RawRequest } from '../../src/sandbox/interactions/delivery.ts'
import { openDatabase } from '../../src/store/database.ts'
import { openApp } from './app-fixture.ts'
import {
  alice,
  anyOfThree,
  channel,
  clickPayload,
  type Desk,
  openDesk,
  opened,
  signed,
  signingSecret,
} from './slack-desk.ts'

const unknownId = 'ffffffff-ffff-4fff-bfff-ffffffffffff'

describe('a request that is not from Slack', () => {
  const send = (desk: Desk, raw: RawRequest) => fetch(desk.url, { method: 'POST', ...raw })
  const again = (raw: RawRequest, secret: string, at: number) =>
    buildRequest(JSON.parse(new URLSearchParams(raw.body).get('payload') ?? ''), secret, at)

  const spoilt: [string, (raw: RawRequest) => RawRequest][] = [
    ['one byte more', ({ headers, body }) => ({ headers, body: `${body}+` })],
    ['no signature', ({ headers: { 'x-slack-signature': _, ...headers }, body }) => ({ headers, body })],
    ['no time', ({ headers: { 'x-slack-request-timestamp': _, ...headers }, body }) => ({ headers, body })],
    ['another secret', (raw) => again(raw, 'another', Date.now())],
    ['six minutes old', (raw) => again(raw, signingSecret, Date.now() - 360_000)],
    ['from the future', (raw) => again(raw, signingSecret, Date.now() + 360_000)],
    [
      'called JSON',
      ({ headers, body }) => ({ headers: { ...headers, 'content-type': 'application/json' }, body }),
    ],
    ['empty', ({ headers }) => ({ headers, body: '' })],
  ]

  test('is refused and changes nothing, however close to the genuine one', async () => {
    const desk = await openDesk()
    const { requestId } = await desk.ask()
    const genuine = buildRequest(clickPayload({}, { value: requestId }), signingSecret, Date.now())
    const before = await desk.facts()
    for (const [what, spoil] of spoilt) {
      const answer = await send(desk, spoil(genuine))
      expect(answer.status, what).toBe(401)
      expect(await answer.json(), what).toMatchObject({ error: { code: 'invalid_signature' } })
    }
    expect(await desk.facts()).toEqual(before)
    expect((await send(desk, genuine)).status).toBe(200)
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Production' }])
  })

  test('is refused unread when it is too large', async () => {
    const desk = await openDesk()
    const answer = await send(desk, buildRequest({ filling: 'x'.repeat(300_000) }, signingSecret, Date.now()))
    expect(answer.status).toBe(413)
  })
})

describe('signed, and yet nothing to act on', () => {
  test('what is not ours is answered and noted', async () => {
    const desk = await openDesk()
    const payloads: Record<string, unknown>[] = [
      clickPayload({}, { action_id: 'open' }),
      clickPayload({ channel: undefined }),
      { type: 'view_closed' },
      { type: 'view_submission', view: { callback_id: 'other' } },
      { type: 'shortcut' },
      {},
      { type: { $ne: 1 } },
    ]
    for (const payload of payloads) expect(await desk.forge(payload)).toMatchObject({ status: 200, body: '' })
    const noted = desk.logged().filter(({ msg }) => msg === 'slack: ignored an interaction')
    expect(noted).toHaveLength(payloads.length)
    expect(await desk.told()).toEqual([])
  })

  test('what is no interaction at all is a bad request', async () => {
    const desk = await openDesk()
    const bodies = [
      'x=1',
      'payload=%7B%7D&payload=%7B%7D',
      'payload=%7B',
      'payload=%FF',
      `payload=${'['.repeat(100_000)}`,
      'payload=%7B%22type%22%3A%22%5Cud800%22%7D',
    ]
    for (const body of bodies) {
      const answer = await fetch(desk.url, { method: 'POST', ...signed(body) })
      expect(answer.status, body.slice(0, 40)).toBe(400)
    }
  })

  test('a button that carries anything but a known request: the clicker is told', async () => {
    const desk = await openDesk()
    const values = [
      '',
      'x',
      unknownId,
      unknownId.toUpperCase(),
      "'; drop table command; --",
      '\u0001',
      'x'.repeat(5_000),
    ]
    const clicks = values.flatMap((value) =>
      Object.values(actionIds).map((action_id) => ({ action_id, value })),
    )
    for (const action of clicks)
      expect(await desk.forge(clickPayload({}, action)), action.value).toMatchObject({
        status: 200,
        body: '',
      })
    const told = { channel, user: alice, text: expect.stringContaining('knows no request') }
    expect(await desk.told()).toEqual(clicks.map(() => told))
  })

  test('nobody decides who is not of this workspace alone (R30)', async () => {
    const desk = await openDesk()
    const { requestId } = await desk.ask()
    for (const from of [
      { team: null, user: { id: alice } },
      { team: { id: 'T0ELSEWHERE' }, user: { id: alice } },
      { team: { id: 'T0GREENROOM' }, user: { id: alice, team_id: 'T0ELSEWHERE' } },
    ])
      expect(await desk.forge(clickPayload(from, { value: requestId }))).toMatchObject({ status: 200 })
    expect((await desk.facts()).decisions).toEqual([])
    const told = { text: expect.stringContaining('another Slack workspace') }
    expect(await desk.told()).toMatchObject([told, told, told])
  })
})

describe('when something is down', () => {
  test('without the database a click is an error that the clicker sees, and changes nothing', async () => {
    const unreachable = openDatabase({
      url: 'postgres://127.0.0.1:1/x',
      size: 1,
      name: 'none',
      onConnectionError: () => {},
    })
    opened.push(() => unreachable.destroy())
    const desk = await openDesk()
    const { requestId } = await desk.ask()
    const before = await desk.facts()
    const intact = desk.deps.db
    desk.deps.db = unreachable
    for (const action_id of Object.values(actionIds)) {
      const raw = buildRequest(clickPayload({}, { action_id, value: requestId }), signingSecret, Date.now())
      const answer = await fetch(desk.url, { method: 'POST', ...raw })
      expect(answer.status).toBe(503)
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    }
    desk.deps.db = intact
    expect(await desk.facts()).toEqual(before)
  })

  test('while it cannot be told whose workspace this is nobody decides, and afterwards they do (R34)', async () => {
    const desk = await openDesk()
    desk.sandbox.fail({ method: 'auth.test', fault: { kind: 'status', status: 500 } })
    const other = await openApp({ config: desk.deps.config, policy: anyOfThree, db: desk.db })
    opened.push(other.close)
    const { requestId } = await desk.ask()
    const click = () => {
      const raw = buildRequest(
        clickPayload({ trigger_id: crypto.randomUUID() }, { value: requestId }),
        signingSecret,
        Date.now(),
      )
      return other.app.inject({
        method: 'POST',
        url: '/slack/interactions',
        headers: raw.headers,
        payload: raw.body,
      })
    }
    desk.sandbox.fail({ method: 'auth.test', fault: { kind: 'status', status: 500 } })
    expect((await click()).statusCode).toBe(200)
    expect((await desk.facts()).decisions).toEqual([])
    expect(await desk.told()).toMatchObject([{ text: expect.stringContaining('cannot reach Slack') }])
    expect((await click()).statusCode).toBe(200)
    expect((await desk.facts()).decisions).toHaveLength(1)
  })

  test('where Slack is not configured there is no such route', async () => {
    const fixture = await openApp()
    opened.push(fixture.close)
    const { headers } = signed('payload=%7B%7D')
    const as = fixture.as('admin')
    const call = { method: 'POST', url: '/slack/interactions', headers: { ...headers, ...as } } as const
    expect((await fixture.app.inject({ ...call, payload: 'payload=%7B%7D' })).statusCode).toBe(404)
  })
})
