import { describe, expect, test } from 'vitest'
import type { Payload } from './app.ts'
import { ada, bob, channel, openApp, openSandbox, question, startedAt } from './setting.ts'

async function ask(changes = {}) {
  const { sandbox, web, clock } = await openSandbox(changes)
  const { ts = '' } = await web.chat.postMessage({ channel, text: 'Promote?', blocks: question as never })
  return { sandbox, web, clock, ts }
}

describe('a click', () => {
  test('reaches the app signed, as a form with the payload Slack sends', async () => {
    const { sandbox, ts } = await ask()
    const payloads: Payload[] = []
    const app = await openApp(sandbox, async (payload) => {
      payloads.push(payload)
      return undefined
    })
    const clicked = await sandbox.click({ ts, actionId: 'approve', userId: ada })

    expect(clicked).toMatchObject({ status: 200, body: '', ok: true })
    expect(app.received[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect(app.received[0]?.headers['x-slack-request-timestamp']).toBe(String(startedAt / 1000))
    expect(payloads[0]).toMatchObject({
      type: 'block_actions',
      user: { id: ada, username: 'ada', name: 'ada', team_id: expect.any(String) },
      team: { id: expect.any(String) },
      api_app_id: expect.any(String),
      token: expect.any(String),
      container: { type: 'message', message_ts: ts, channel_id: channel, is_ephemeral: false },
      trigger_id: expect.stringMatching(/^\d+\.\d+\.[0-9a-f]+$/),
      channel: { id: channel, name: 'model-approvals' },
      message: { ts, blocks: question },
      response_url: expect.stringContaining(`${sandbox.url}/response/`),
      actions: [
        {
          action_id: 'approve',
          block_id: 'decide',
          value: 'request-1',
          type: 'button',
          action_ts: expect.any(String),
          text: { type: 'plain_text', text: 'Approve', emoji: true },
        },
      ],
    })
  })

  test('is signed with the secret and nothing else: another secret is turned away by the app', async () => {
    const { sandbox, ts } = await ask({ signingSecret: 'another-secret' })
    await openApp(sandbox, async () => undefined)
    const clicked = await sandbox.click({ ts, actionId: 'approve', userId: ada })
    expect(clicked).toMatchObject({ status: 401, ok: false })
  })

  test('is possible only on a button that the message shows now', async () => {
    const { sandbox, web, ts } = await ask()
    const app = await openApp(sandbox, async () => undefined)
    await expect(sandbox.click({ ts, actionId: 'promote', userId: ada })).rejects.toThrow(
      /shows no button "promote" now\. Its buttons: approve, decline/,
    )
    await web.chat.update({ channel, ts, text: 'Approved' })
    await expect(sandbox.click({ ts, actionId: 'approve', userId: ada })).rejects.toThrow(/Its buttons: none/)
    await expect(sandbox.click({ ts: '1.000001', actionId: 'approve', userId: ada })).rejects.toThrow(
      /sees no message/,
    )
    await expect(sandbox.click({ ts, actionId: 'approve', userId: 'U0NOBODY' })).rejects.toThrow(
      /no user U0NOBODY/,
    )
    expect(app.received).toHaveLength(0)
  })

  test('asks for the block where one action id stands in several', async () => {
    const { sandbox, web } = await openSandbox()
    const blocks = [question[1], { ...question[1], block_id: 'again' }]
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'x', blocks: blocks as never })
    const blockIds: (string | undefined)[] = []
    await openApp(sandbox, async ({ actions }) => {
      blockIds.push(actions[0]?.block_id)
      return undefined
    })
    await expect(sandbox.click({ ts, actionId: 'approve', userId: ada })).rejects.toThrow(
      /say which with blockId/,
    )
    await sandbox.click({ ts, actionId: 'approve', userId: ada, blockId: 'again' })
    expect(blockIds).toEqual(['again'])
  })

  test('on an ephemeral message is open to its addressee alone', async () => {
    const { sandbox, web } = await openSandbox()
    const { message_ts: ts = '' } = await web.chat.postEphemeral({
      channel,
      user: ada,
      text: 'Sure?',
      blocks: question as never,
    })
    const payloads: Payload[] = []
    await openApp(sandbox, async (payload) => {
      payloads.push(payload)
      return undefined
    })
    await sandbox.click({ ts, actionId: 'approve', userId: ada })
    expect(payloads[0]?.container.is_ephemeral).toBe(true)
    expect(payloads[0]?.message).toBeUndefined()
    await expect(sandbox.click({ ts, actionId: 'approve', userId: bob })).rejects.toThrow(/sees no message/)
  })

  test('by a guest carries the other workspace’s id', async () => {
    const guest = { id: 'U0GUEST', name: 'eve', realName: 'Eve', teamId: 'T0OTHER' }
    const { sandbox, ts } = await ask({ users: [guest] })
    const teams: string[] = []
    await openApp(sandbox, async ({ user }) => {
      teams.push(user.team_id)
      return undefined
    })
    await sandbox.click({ ts, actionId: 'approve', userId: guest.id })
    expect(teams).toEqual(['T0OTHER'])
  })

  test('without an app says what to call first', async () => {
    const { sandbox, ts } = await ask()
    await expect(sandbox.click({ ts, actionId: 'approve', userId: ada })).rejects.toThrow(
      /setInteractivityUrl/,
    )
  })

  test('by eight people at once reaches the app eight times', async () => {
    const users = Array.from({ length: 8 }, (_, n) => ({ id: `U${n}`, name: `u${n}`, realName: `User ${n}` }))
    const { sandbox, ts } = await ask({ users })
    const clickers = new Set<string>()
    await openApp(sandbox, async ({ user }) => {
      clickers.add(user.id)
      return undefined
    })
    const clicks = await Promise.all(
      users.map(({ id }) => sandbox.click({ ts, actionId: 'approve', userId: id })),
    )
    expect(clicks.every((clicked) => clicked.ok)).toBe(true)
    expect(clickers.size).toBe(8)
  })
})

describe('a failed click', () => {
  test('is one answered with anything but 2xx', async () => {
    const { sandbox, ts } = await ask()
    await openApp(sandbox, async () => ({ status: 500 }))
    expect(await sandbox.click({ ts, actionId: 'approve', userId: ada })).toMatchObject({
      status: 500,
      ok: false,
    })
    expect(sandbox.interactions()).toMatchObject([
      { user: ada, target: ts, ok: false, problem: 'answered 500' },
    ])
  })

  test('is one answered after more than three seconds, and the latency is on record', async () => {
    const watch = { ms: 0 }
    const { sandbox, ts } = await ask({ elapsed: () => watch.ms })
    const app = await openApp(sandbox, async () => {
      watch.ms += 3001
      return undefined
    })
    expect(await sandbox.click({ ts, actionId: 'approve', userId: ada })).toMatchObject({
      status: 200,
      ms: 3001,
      ok: false,
    })
    expect(sandbox.interactions().at(-1)?.problem).toBe('answered too late')
    await app.close()
    await openApp(sandbox, async () => {
      watch.ms += 3000
      return undefined
    })
    expect(await sandbox.click({ ts, actionId: 'approve', userId: ada })).toMatchObject({
      ms: 3000,
      ok: true,
    })
  })

  test('is one that finds nobody listening', async () => {
    const { sandbox, ts } = await ask()
    const app = await openApp(sandbox, async () => undefined)
    await app.close()
    expect(await sandbox.click({ ts, actionId: 'approve', userId: ada })).toMatchObject({
      status: 0,
      ok: false,
    })
  })
})

test('a replay sends the identical bytes and headers, even after the button is gone', async () => {
  const { sandbox, web, clock, ts } = await ask()
  const app = await openApp(sandbox, async () => undefined)
  const clicked = await sandbox.click({ ts, actionId: 'approve', userId: ada })
  await web.chat.update({ channel, ts, text: 'Approved' })
  clock.now += 600_000
  expect(await sandbox.replay(clicked.raw)).toMatchObject({ status: 200, raw: clicked.raw })
  const [first, second] = app.received
  expect(second?.body).toBe(first?.body)
  expect(second?.headers).toEqual(first?.headers)
})

describe('a response URL', () => {
  async function answer(bodies: object[], wait = 0) {
    const { sandbox, clock, ts } = await ask()
    const replies: { status: number; body: string }[] = []
    await openApp(sandbox, async ({ response_url }) => {
      clock.now += wait
      for (const body of bodies) {
        const headers = { 'content-type': 'application/json' }
        const response = await fetch(response_url, { method: 'POST', headers, body: JSON.stringify(body) })
        replies.push({ status: response.status, body: await response.text() })
      }
      return undefined
    })
    await sandbox.click({ ts, actionId: 'approve', userId: ada })
    return { sandbox, ts, replies }
  }

  test('answers to the clicker alone unless told otherwise', async () => {
    const { sandbox, replies } = await answer([
      { text: 'Too late' },
      { text: 'All hear', response_type: 'in_channel' },
    ])
    expect(replies).toEqual([
      { status: 200, body: 'ok' },
      { status: 200, body: 'ok' },
    ])
    expect(sandbox.ephemerals()).toMatchObject([{ user: ada, text: 'Too late' }])
    expect(sandbox.messages().map((message) => message.text)).toEqual(['Promote?', 'All hear'])
  })

  test('replaces or deletes the message that was clicked', async () => {
    const replaced = await answer([{ text: 'Approved', replace_original: true }])
    expect(replaced.sandbox.messages()).toMatchObject([
      { ts: replaced.ts, text: 'Approved', blocks: [], edited: true },
    ])
    const deleted = await answer([{ delete_original: true }])
    expect(deleted.sandbox.messages()).toEqual([])
  })

  test('works five times, and for half an hour', async () => {
    const often = await answer(Array.from({ length: 6 }, () => ({ text: 'x' })))
    expect(often.replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200, 404])
    expect((await answer([{ text: 'x' }], 30 * 60_000)).replies[0]?.status).toBe(200)
    expect((await answer([{ text: 'x' }], 30 * 60_000 + 1)).replies[0]?.status).toBe(404)
  })

  test('holds answers to the same limits as the Web API', async () => {
    const blocks = [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }]
    const { sandbox, replies } = await answer([{ text: 'x', blocks, replace_original: true }])
    expect(replies[0]?.status).toBe(400)
    expect(replies[0]?.body).toContain('invalid_blocks')
    expect(sandbox.messages()[0]?.text).toBe('Promote?')
  })
})
