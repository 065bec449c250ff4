import { describe, expect, test } from 'vitest'
import { ada, bob, botToken, channel, openClient, openSandbox, question } from './setting.ts'

describe('chat', () => {
  test('a posted message stands in the channel with its blocks, thread and metadata', async () => {
    const { sandbox, web } = await openSandbox()
    const metadata = { event_type: 'asked', event_payload: { key: 'request-1' } }
    const posted = await web.chat.postMessage({
      channel,
      text: 'Promote?',
      blocks: question as never,
      metadata,
    })
    const reply = await web.chat.postMessage({
      channel: '#model-approvals',
      text: 'Soon',
      thread_ts: posted.ts,
    })

    const [first, second] = sandbox.messages(channel)
    expect(first).toMatchObject({ ts: posted.ts, channel, text: 'Promote?', metadata, edited: false })
    expect(first?.blocks).toMatchObject(question)
    expect(first?.blocks.every((block) => block.block_id)).toBe(true)
    expect(second).toMatchObject({ ts: reply.ts, thread_ts: posted.ts, channel })
    expect(posted.message).toMatchObject({ ts: posted.ts, bot_id: expect.any(String), text: 'Promote?' })
  })

  test('two messages of the same millisecond have different timestamps', async () => {
    const { web } = await openSandbox()
    const posts = await Promise.all([1, 2, 3].map((n) => web.chat.postMessage({ channel, text: `${n}` })))
    expect(new Set(posts.map((post) => post.ts)).size).toBe(3)
  })

  test('a JSON body does the same as a form', async () => {
    const { sandbox } = await openSandbox()
    const response = await fetch(`${sandbox.url}/api/chat.postMessage`, {
      method: 'POST',
      headers: { authorization: `Bearer ${botToken}`, 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ channel, text: 'Promote?', blocks: question }),
    })
    expect(await response.json()).toMatchObject({ ok: true, channel })
    expect(sandbox.messages()[0]?.blocks).toMatchObject(question)
  })

  test('an update with text alone takes the blocks away, one with blocks replaces them', async () => {
    const { sandbox, web } = await openSandbox()
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'Promote?', blocks: question as never })
    const done = [{ type: 'section', text: { type: 'plain_text', text: 'Approved' } }]
    await web.chat.update({ channel, ts, text: 'Approved', blocks: done as never })
    expect(sandbox.messages()[0]).toMatchObject({ ts, text: 'Approved', blocks: done, edited: true })
    await web.chat.update({ channel, ts, text: 'Over' })
    expect(sandbox.messages()).toMatchObject([{ ts, text: 'Over', blocks: [], edited: true }])
  })

  test('an update keeps the metadata it does not name', async () => {
    const { sandbox, web } = await openSandbox()
    const metadata = { event_type: 'asked', event_payload: { key: 'request-1' } }
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'Promote?', metadata })
    await web.chat.update({ channel, ts, text: 'Approved' })
    expect(sandbox.messages()[0]?.metadata).toEqual(metadata)
  })

  test('only the app’s own, lasting messages can be updated', async () => {
    const { sandbox, web } = await openSandbox()
    const theirs = sandbox.say({ userId: bob, text: 'Looks good' })
    const { message_ts: fleeting = '' } = await web.chat.postEphemeral({ channel, user: ada, text: 'Psst' })
    for (const ts of [theirs.ts, fleeting]) {
      await expect(web.chat.update({ channel, ts, text: 'x' })).rejects.toThrow('cant_update_message')
    }
    await expect(web.chat.update({ channel, ts: '1.000001', text: 'x' })).rejects.toThrow('message_not_found')
  })

  test('an ephemeral message reaches one person and is no part of the history', async () => {
    const { sandbox, web } = await openSandbox()
    await web.chat.postEphemeral({ channel, user: ada, text: 'Only you' })
    expect(sandbox.ephemerals()).toMatchObject([{ user: ada, text: 'Only you', channel }])
    expect((await web.conversations.history({ channel })).messages).toEqual([])
    await expect(web.chat.postEphemeral({ channel, user: 'U0NOBODY', text: 'x' })).rejects.toThrow(
      'user_not_in_channel',
    )
  })

  test('a call that cannot be done is refused by name and leaves nothing behind', async () => {
    const { sandbox, web } = await openSandbox()
    await expect(web.chat.postMessage({ channel: 'C0NOWHERE', text: 'x' })).rejects.toThrow(
      'channel_not_found',
    )
    await expect(web.chat.postMessage({ channel, text: '' })).rejects.toThrow('no_text')
    await expect(web.apiCall('chat.delete', { channel })).rejects.toThrow('unknown_method')
    await expect(web.apiCall('chat.update', { channel })).rejects.toThrow('invalid_arguments')
    await expect(web.apiCall('chat.postMessage', { channel, blocks: '[{' })).rejects.toThrow(
      'invalid_blocks_format',
    )
    await expect(web.apiCall('chat.postMessage', { channel, text: 'x', metadata: '{}' })).rejects.toThrow(
      'invalid_metadata_format',
    )
    expect(sandbox.messages()).toEqual([])
  })
})

describe('access', () => {
  test('a call needs the bot’s token', async () => {
    const { sandbox } = await openSandbox()
    await expect(openClient(sandbox, 'xoxb-other').auth.test()).rejects.toThrow('invalid_auth')
    const response = await fetch(`${sandbox.url}/api/auth.test`, { method: 'POST' })
    expect(await response.json()).toEqual({ ok: false, error: 'not_authed' })
  })

  test('the token stands in no record of a call', async () => {
    const { sandbox, web } = await openSandbox()
    await web.auth.test()
    await web.apiCall('auth.test', { token: botToken })
    expect(sandbox.calls()).toHaveLength(2)
    expect(JSON.stringify(sandbox.calls())).not.toContain(botToken)
  })

  test('a request under a foreign host name is turned away', async () => {
    const { sandbox } = await openSandbox()
    const { request } = await import('node:http')
    const status = await new Promise((resolve) => {
      request(`${sandbox.url}/page/state`, { headers: { host: 'evil.example' } }, (response) =>
        resolve(response.resume().statusCode),
      ).end()
    })
    expect(status).toBe(421)
  })

  test('a body that cannot be read gets an answer in Slack’s form', async () => {
    const { sandbox } = await openSandbox()
    const send = async (type: string, body: string) => {
      const headers = { authorization: `Bearer ${botToken}`, 'content-type': type }
      const response = await fetch(`${sandbox.url}/api/auth.test`, { method: 'POST', headers, body })
      return response.json()
    }
    expect(await send('application/json', '{"a"')).toMatchObject({ ok: false, error: 'invalid_json' })
    expect(await send('application/json', '[]')).toMatchObject({ ok: false, error: 'json_not_object' })
    expect(await send('text/plain', 'a=b')).toMatchObject({ ok: false, error: 'invalid_post_type' })
    const deep = `{"view":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
    expect(await send('application/json', deep)).toMatchObject({ ok: true })
  })
})

describe('lookups', () => {
  test('a person is described with name, e-mail and team', async () => {
    const { web } = await openSandbox()
    const { user } = await web.users.info({ user: ada })
    expect(user).toMatchObject({ id: ada, name: 'ada', real_name: 'Ada Lovelace', deleted: false })
    expect(user?.profile?.email).toBe('ada@example.com')
    await expect(web.users.info({ user: 'U0NOBODY' })).rejects.toThrow('user_not_found')
  })

  test('the app can ask who it is, and describe itself', async () => {
    const { web } = await openSandbox()
    const me = await web.auth.test()
    const { user } = await web.users.info({ user: me.user_id ?? '' })
    expect(user).toMatchObject({ is_bot: true, team_id: me.team_id })
  })

  test('history comes newest first, page by page, and ends', async () => {
    const { web } = await openSandbox()
    for (const n of [1, 2, 3, 4, 5]) await web.chat.postMessage({ channel, text: `message ${n}` })
    const seen: (string | undefined)[] = []
    for await (const page of web.paginate('conversations.history', { channel, limit: 2 })) {
      seen.push(
        ...((page as { messages?: { text?: string }[] }).messages ?? []).map((message) => message.text),
      )
    }
    expect(seen).toEqual(['message 5', 'message 4', 'message 3', 'message 2', 'message 1'])
  })

  test('history can be cut by time, with or without the ends', async () => {
    const { web } = await openSandbox()
    const posts = []
    for (const n of [1, 2, 3]) posts.push(await web.chat.postMessage({ channel, text: `${n}` }))
    const [first, , third] = posts.map((post) => post.ts)
    const texts = async (inclusive: boolean) => {
      const page = await web.conversations.history({ channel, oldest: first, latest: third, inclusive })
      return page.messages?.map((message) => message.text)
    }
    expect(await texts(false)).toEqual(['2'])
    expect(await texts(true)).toEqual(['3', '2', '1'])
  })

  test('metadata comes only when asked for', async () => {
    const { web } = await openSandbox()
    const metadata = { event_type: 'asked', event_payload: { key: 'request-1' } }
    await web.chat.postMessage({ channel, text: 'Promote?', metadata })
    const plain = await web.conversations.history({ channel })
    const full = await web.conversations.history({ channel, include_all_metadata: true })
    expect(plain.messages?.[0]?.metadata).toBeUndefined()
    expect(full.messages?.[0]?.metadata).toEqual(metadata)
  })

  test('replies stay inside their thread', async () => {
    const { web } = await openSandbox()
    const { ts } = await web.chat.postMessage({ channel, text: 'Promote?' })
    await web.chat.postMessage({ channel, text: 'Soon', thread_ts: ts })
    const { messages } = await web.conversations.history({ channel })
    expect(messages).toMatchObject([{ text: 'Promote?', reply_count: 1, thread_ts: ts }])
  })

  test('history takes an id and a cursor of its own making, nothing else', async () => {
    const { web } = await openSandbox()
    await expect(web.conversations.history({ channel: 'model-approvals' })).rejects.toThrow(
      'channel_not_found',
    )
    await expect(web.conversations.history({ channel, cursor: 'abc' })).rejects.toThrow('invalid_cursor')
    await expect(web.conversations.history({ channel, limit: 1000 })).rejects.toThrow('invalid_arguments')
  })
})

test('only the last 1,000 calls and messages are kept', async () => {
  const { sandbox, web } = await openSandbox()
  const first = await web.chat.postMessage({ channel, text: 'first' })
  for (let n = 0; n < 1000; n += 1) sandbox.say({ userId: ada, text: `${n}` })
  expect(sandbox.messages()).toHaveLength(1000)
  await expect(web.chat.update({ channel, ts: first.ts ?? '', text: 'x' })).rejects.toThrow(
    'message_not_found',
  )
})

test('a port that is taken is named together with the way out', async () => {
  const { sandbox } = await openSandbox()
  const port = Number(new URL(sandbox.url).port)
  await expect(openSandbox({ port })).rejects.toThrow(`Port ${port} is taken: choose another one`)
})
