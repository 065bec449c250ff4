import { describe, expect, test } from 'vitest'
import type { RequestView } from '../../../src/notifiers/notifier.ts'
import { slackNotifier } from '../../../src/notifiers/slack/notifier.ts'
import type { Fault } from '../../../src/sandbox/faults.ts'
import { showBlock } from '../../../src/sandbox/page/display.ts'
import { readMrkdwn } from '../../../src/sandbox/page/mrkdwn.ts'
import type { SlackSandbox } from '../../../src/sandbox/slack.ts'
import { ada, bob, botToken, channel, openClient, openSandbox, startedAt } from '../../sandbox/setting.ts'
import { evilTexts, requestView, versionView } from '../views.ts'

const openedAt = new Date(startedAt)
const view = (over: Partial<RequestView> = {}) => requestView({ openedAt, ...over })
const otherId = 'ffffffff-5a9c-4f1e-9f51-0c4f2b1d7e11'

function notifierOf(sandbox: Pick<SlackSandbox, 'url'>, over: { botToken?: string; channel?: string } = {}) {
  const warnings: string[] = []
  const log = { warn: (line: string) => warnings.push(line), error: (line: string) => warnings.push(line) }
  const options = { botToken, channel, apiUrl: `${sandbox.url}/api`, publicUrl: 'http://greenroom.test', log }
  return { warnings, ...slackNotifier({ ...options, ...over }, 2_000) }
}

async function open() {
  const { sandbox, clock } = await openSandbox()
  return { sandbox, clock, slack: notifierOf(sandbox) }
}

const buttonsIn = (sandbox: SlackSandbox) =>
  sandbox.messages().filter((message) => message.blocks.some((block) => block.type === 'actions')).length

type Run = { kind: string; url?: string; styles?: string[] }
const nobody = { user: () => null, channel: () => null }

/** Every run of text that a reader sees, with what Slack made of it. */
function inlinesOf(shown: unknown): Run[] {
  if (Array.isArray(shown)) return shown.flatMap(inlinesOf)
  if (typeof shown !== 'object' || shown === null) return []
  const isRun = 'kind' in shown && ['text', 'link', 'mention'].includes(String(shown.kind))
  return isRun ? [shown as Run] : Object.values(shown).flatMap(inlinesOf)
}

describe('asking', () => {
  test('posts one message that can be found again by its request, and expands nothing', async () => {
    const { sandbox, slack } = await open()
    const sent = await slack.post(view(), false)
    const [message] = sandbox.messages()
    expect(sent).toEqual({ kind: 'sent', message: { channel, ts: message?.ts } })
    expect(message?.metadata).toEqual({
      event_type: 'greenroom_approval',
      event_payload: { request_id: view().id },
    })
    expect(sandbox.calls().map(({ method }) => method)).toEqual(['chat.postMessage'])
    expect(sandbox.calls()[0]?.body).toMatchObject({
      parse: 'none',
      link_names: 'false',
      mrkdwn: 'false',
      unfurl_links: 'false',
      unfurl_media: 'false',
    })
    expect(slack.warnings).toEqual([])
  })

  test('shows what others wrote as they wrote it: no mention, no link, no markup (R29)', async () => {
    const { sandbox, slack } = await open()
    for (const text of evilTexts) {
      const candidate = versionView({ author: text, description: text, source: text, tags: { [text]: text } })
      expect(await slack.post(view({ model: text, candidate, approvers: [text] }), false)).toMatchObject({
        kind: 'sent',
      })
    }
    for (const { text, blocks } of sandbox.messages()) {
      const runs = inlinesOf([readMrkdwn(text, nobody), blocks.map((block) => showBlock(block, nobody))])
      expect(runs.filter(({ kind }) => kind === 'mention')).toEqual([])
      expect(runs.flatMap(({ url }) => url ?? [])).toEqual(['http://greenroom.test'])
      expect(inlinesOf(readMrkdwn(text, nobody)).flatMap(({ styles }) => styles)).toEqual([])
    }
    const shown = JSON.stringify(sandbox.messages().map(({ blocks }) => blocks))
    for (const literal of [
      '<!channel>',
      '<@U1>',
      '<http://evil.example|Approve>',
      '*bold* _slanted_',
      'abcgnp.exe',
    ])
      expect(shown).toContain(`"${literal}`)
  })

  test.each<[string, Fault]>([
    ['HTTP 500', { kind: 'status', status: 500, applied: true }],
    ['broken connection', { kind: 'reset', applied: true }],
    ['time limit', { kind: 'hang', applied: true }],
  ])('a post whose answer was lost (%s) is taken over, not posted twice (V12)', async (_name, fault) => {
    const { sandbox, slack } = await open()
    sandbox.fail({ method: 'chat.postMessage', fault })
    expect(await slack.post(view(), false)).toMatchObject({ kind: 'retryable', afterMs: null })
    const sent = await slack.post(view(), true)
    expect(sandbox.messages()).toHaveLength(1)
    expect(sent).toEqual({ kind: 'sent', message: { channel, ts: sandbox.messages()[0]?.ts } })
  })

  test('the client never tries again by itself', async () => {
    const { sandbox, slack } = await open()
    sandbox.fail({ method: 'chat.postMessage', times: 2, fault: { kind: 'status', status: 503 } })
    expect(await slack.post(view(), false)).toMatchObject({ kind: 'retryable' })
    expect(sandbox.calls()).toHaveLength(1)
  })

  test('posts when an earlier attempt left nothing, whatever else stands in the channel', async () => {
    const { sandbox, slack } = await open()
    await slack.post(view({ id: otherId }), false)
    const web = openClient(sandbox)
    const metadata = { event_type: 'something_else', event_payload: { request_id: view().id } }
    await web.chat.postMessage({ channel, text: 'x', metadata })
    sandbox.say({ userId: ada, text: `about ${view().id}` })
    expect(await slack.post(view(), true)).toMatchObject({ kind: 'sent' })
    expect(buttonsIn(sandbox)).toBe(2)
  })

  test('finds a post behind hundreds of others', async () => {
    const { sandbox, slack, clock } = await open()
    await slack.post(view(), false)
    for (let n = 0; n < 450; n++) {
      clock.now += 10
      sandbox.say({ userId: ada, text: `${n}` })
    }
    expect(await slack.post(view(), true)).toMatchObject({ kind: 'sent' })
    expect(buttonsIn(sandbox)).toBe(1)
  })

  test('a message taken over shows how things stand now', async () => {
    const { sandbox, slack } = await open()
    await slack.post(view({ quorum: 2 }), false)
    const decisions = [{ principal: 'anna', answer: 'approve' as const, reason: null, at: openedAt }]
    await slack.post(view({ quorum: 2, decisions }), true)
    expect(JSON.stringify(sandbox.messages())).toContain('1 of 2 approvals given, by anna.')
  })

  test.each(['conversations.history', 'auth.test'])(
    'does not post when it cannot look first (%s fails)',
    async (method) => {
      const { sandbox, slack } = await open()
      sandbox.fail({ method, fault: { kind: 'error', error: 'missing_scope' } })
      expect(await slack.post(view(), true)).toMatchObject({ kind: 'retryable', afterMs: 60_000 })
      expect(sandbox.messages()).toEqual([])
    },
  )
})

describe('what a failed call means', () => {
  test.each<[string, Fault, object]>([
    [
      'a rate limit with Retry-After',
      { kind: 'rateLimited', retryAfterSeconds: 7 },
      { kind: 'retryable', afterMs: 7_000 },
    ],
    ['a rate limit without Retry-After', { kind: 'rateLimited' }, { kind: 'retryable', afterMs: null }],
    [
      'a rate limit in the body',
      { kind: 'error', error: 'ratelimited' },
      { kind: 'retryable', afterMs: 30_000 },
    ],
    ['Slack’s own trouble', { kind: 'error', error: 'internal_error' }, { kind: 'retryable', afterMs: null }],
    ['HTTP 500', { kind: 'status', status: 500 }, { kind: 'retryable', afterMs: null }],
    ['no answer', { kind: 'hang' }, { kind: 'retryable', afterMs: null }],
    ['a broken connection', { kind: 'reset' }, { kind: 'retryable', afterMs: null }],
    [
      'HTTP 404',
      { kind: 'status', status: 404 },
      { kind: 'retryable', afterMs: 60_000, why: expect.stringContaining('SLACK_API_URL') },
    ],
    [
      'a wrong token',
      { kind: 'error', error: 'invalid_auth' },
      { kind: 'retryable', afterMs: 60_000, why: expect.stringContaining('SLACK_BOT_TOKEN') },
    ],
    [
      'a channel without the app',
      { kind: 'error', error: 'not_in_channel' },
      { kind: 'retryable', afterMs: 60_000, why: expect.stringContaining('invite the app') },
    ],
    [
      'a missing scope',
      { kind: 'error', error: 'missing_scope' },
      { kind: 'retryable', afterMs: 60_000, why: expect.stringContaining('chat:write') },
    ],
    ['an unknown code', { kind: 'error', error: 'never_heard_of' }, { kind: 'retryable', afterMs: 60_000 }],
    ['blocks that are refused', { kind: 'error', error: 'invalid_blocks' }, { kind: 'fatal' }],
    ['text that is too long', { kind: 'error', error: 'msg_too_long' }, { kind: 'fatal' }],
  ])('%s', async (_name, fault, outcome) => {
    const { sandbox, slack } = await open()
    sandbox.fail({ method: 'chat.postMessage', fault })
    const sent = await slack.post(view(), false)
    expect(sent).toMatchObject(outcome)
    expect(JSON.stringify([sent, slack.warnings])).not.toContain(botToken)
    expect(await slack.post(view(), false)).toMatchObject({ kind: 'sent' })
  })

  test('a wrong token and an unknown channel are for the operator to mend', async () => {
    const { sandbox } = await open()
    for (const over of [{ botToken: 'xoxb-wrong' }, { channel: 'C0NOWHERE' }])
      expect(await notifierOf(sandbox, over).post(view(), false)).toMatchObject({
        kind: 'retryable',
        afterMs: 60_000,
      })
  })

  test('Slack out of reach is worth trying again', async () => {
    const slack = notifierOf({ url: 'http://127.0.0.1:1' })
    for (const sent of [
      await slack.post(view(), true),
      await slack.update(view(), { channel, ts: '1.000001' }),
      await slack.replyPrivately({ channel, user: ada }, 'x'),
    ])
      expect(sent).toMatchObject({ kind: 'retryable', afterMs: null })
  })
})

describe('rewriting', () => {
  test('takes the buttons away once the request has ended, and keeps the message findable', async () => {
    const { sandbox, slack } = await open()
    const sent = await slack.post(view(), false)
    if (sent.kind !== 'sent') throw new Error(sent.why)
    const decisions = [{ principal: 'anna', answer: 'approve' as const, reason: null, at: openedAt }]
    const ended = view({ state: 'approved', decisions, closedAt: openedAt })
    for (let n = 0; n < 2; n++) expect(await slack.update(ended, sent.message)).toEqual({ kind: 'sent' })
    expect(buttonsIn(sandbox)).toBe(0)
    const [message] = sandbox.messages()
    expect(JSON.stringify(message?.blocks)).toContain('Approved by anna.')
    expect(message?.metadata?.event_payload).toEqual({ request_id: view().id })
  })

  test('gives up on a message that is gone, or never was in Slack', async () => {
    const { slack } = await open()
    expect(await slack.update(view(), { channel, ts: '1.000001' })).toMatchObject({ kind: 'fatal' })
    expect(await slack.update(view(), {})).toMatchObject({ kind: 'fatal' })
  })
})

describe('a private word', () => {
  test('is seen by its addressee only, commands set as code, the rest literal', async () => {
    const { sandbox, slack } = await open()
    const text = '<!channel> *no*: use `greenroom approve x`.'
    expect(await slack.replyPrivately({ channel, user: bob }, text)).toEqual({ kind: 'sent' })
    expect(sandbox.messages()).toEqual([])
    const [said] = sandbox.ephemerals()
    expect(said).toMatchObject({ user: bob, channel })
    expect(said?.text).not.toMatch(/<|\*/)
    expect(said?.blocks).toMatchObject([
      {
        type: 'rich_text',
        elements: [
          {
            elements: [
              { text: '<!channel> *no*: use ' },
              { text: 'greenroom approve x', style: { code: true } },
              { text: '.' },
            ],
          },
        ],
      },
    ])
  })

  test('to somebody who has left is not tried for ever', async () => {
    const { slack } = await open()
    expect(await slack.replyPrivately({ channel, user: 'U0NOBODY' }, 'x')).toMatchObject({ kind: 'fatal' })
  })
})
