import { createSecretKey, randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { InvalidInputError, NotFoundError } from '../../../src/errors.ts'
import {
  createWebhookCall,
  deleteWebhookCall,
  getWebhookCall,
  listWebhooksCall,
  testWebhookCall,
  updateWebhookCall,
  type WebhookDeps,
  type WebhookInput,
} from '../../../src/http/mlflow/webhook-calls.ts'
import { replaceSecrets } from '../../../src/store/webhooks.ts'
import { eventNames } from '../../../src/webhooks/events.ts'
import { openTestDatabase, type TestDatabase } from '../../helpers/database.ts'
import { isSigned, type Receiver, startReceiver } from '../../helpers/receiver.ts'

const key = createSecretKey(Buffer.alloc(32, 7))
const secret = 'canary secret of a receiver'
const url = 'https://receiver.example/hook'
const created = { entity: 'MODEL_VERSION', action: 'CREATED' }
const moved = { entity: 'MODEL_VERSION', action: 'TRANSITIONED_STAGE' }
const anybody = { isMlflowClient: false }
const mlflow = { isMlflowClient: true }

let database: TestDatabase
let deps: WebhookDeps
let now: Date
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.deleteFrom('webhook_event').execute()
  await database.db.deleteFrom('webhook').execute()
  now = new Date('2026-11-23T02:12:34.415Z')
  const outbound = { schemes: ['https'] as const, allowPrivateAddresses: false, resolve }
  deps = { db: database.db, now: () => now, newId: randomUUID, outbound, keys: [key] }
})

async function resolve(hostname: string): Promise<string[]> {
  const known: Record<string, string[]> = {
    'receiver.example': ['93.184.215.14'],
    'inside.example': ['10.0.0.7'],
  }
  return known[hostname] ?? []
}

const make = async (input: WebhookInput = {}) =>
  (await createWebhookCall(deps, { name: 'hook', url, events: [created], ...input }, anybody)).webhook

describe('a webhook', () => {
  test('has MLflow’s fields, and its secret in none of them', async () => {
    const webhook = await make({ description: 'to CI', secret })
    expect(webhook).toEqual({
      webhook_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'hook',
      url,
      events: [created],
      description: 'to CI',
      status: 'ACTIVE',
      creation_timestamp: now.getTime(),
      last_updated_timestamp: now.getTime(),
    })
    expect(await getWebhookCall(deps, webhook.webhook_id, anybody)).toEqual({ webhook })
    expect(await listWebhooksCall(deps, {}, anybody)).toEqual({ webhooks: [webhook] })
    const row = await database.db.selectFrom('webhook').selectAll().executeTakeFirstOrThrow()
    expect(JSON.stringify(row)).not.toContain('canary')
    expect(row.secret).toMatch(/^v1\./)
  })

  test('of which little is said has no description', async () => {
    expect(await make({ description: '', secret: '', status: '' })).not.toHaveProperty('description')
  })

  test('may ask for every event there is, and keeps their order', async () => {
    const events = eventNames
      .map(({ entity, action }) => ({ entity: entity.toUpperCase(), action: action.toUpperCase() }))
      .reverse()
    expect((await make({ events })).events).toEqual(events)
  })

  test('may share its name with another', async () => {
    await make()
    await make()
    expect((await listWebhooksCall(deps, {}, anybody)).webhooks).toHaveLength(2)
  })

  test.each(['a', 'Model.hook_1-x', 'a'.repeat(63)])('may be named %s', async (name) => {
    expect((await make({ name })).name).toBe(name)
  })
})

describe('changing a webhook', () => {
  test('changes what is given, and nothing else', async () => {
    const before = await make({ description: 'old', secret, status: 'DISABLED' })
    const sealed = () => database.db.selectFrom('webhook').select('secret').executeTakeFirst()
    const stored = await sealed()
    now = new Date(now.getTime() + 1_000)
    const change = (input: WebhookInput) => updateWebhookCall(deps, before.webhook_id, input, anybody)
    expect((await change({ name: 'new' })).webhook).toEqual({
      ...before,
      name: 'new',
      last_updated_timestamp: now.getTime(),
    })
    expect((await change({ events: [moved] })).webhook).toMatchObject({ name: 'new', events: [moved] })
    expect(await sealed()).toEqual(stored)
    expect((await change({ status: 'ACTIVE', description: 'x' })).webhook).toMatchObject({
      status: 'ACTIVE',
      description: 'x',
    })
    await change({ secret: 'another' })
    expect(await sealed()).not.toEqual(stored)
  })

  test('takes away a description or a secret that is given empty, and leaves what else is', async () => {
    const before = await make({ description: 'old', secret })
    const empty = { name: '', url: '', events: [], description: '', secret: '', status: '' }
    const { webhook } = await updateWebhookCall(deps, before.webhook_id, empty, anybody)
    const { description: _, ...others } = before
    expect(webhook).toEqual(others)
    expect(await database.db.selectFrom('webhook').select('secret').execute()).toEqual([{ secret: null }])
  })

  test('leaves a disabled one disabled when no status is given, unlike MLflow', async () => {
    const { webhook_id: id } = await make({ status: 'DISABLED' })
    const { webhook } = await updateWebhookCall(deps, id, { name: 'x', description: '', events: [] }, anybody)
    expect(webhook.status).toBe('DISABLED')
  })
})

describe('a deleted webhook', () => {
  test('is nowhere any more, and its secret is gone', async () => {
    const { webhook_id: id } = await make({ secret })
    expect(await deleteWebhookCall(deps, id)).toEqual({})
    expect(await listWebhooksCall(deps, {}, anybody)).toEqual({})
    for (const call of [
      () => getWebhookCall(deps, id, anybody),
      () => updateWebhookCall(deps, id, { name: 'x' }, anybody),
      () => deleteWebhookCall(deps, id),
      () => testWebhookCall(deps, id, undefined),
    ])
      await expect(call()).rejects.toThrow(new NotFoundError(`Webhook with ID ${id} not found.`))
    expect(await database.db.selectFrom('webhook').select('secret').execute()).toEqual([{ secret: null }])
  })

  test.each(['x', '1', '', "' or 1=1", randomUUID()])('is as unknown as %j', async (id) => {
    await expect(getWebhookCall(deps, id, anybody)).rejects.toThrow(`Webhook with ID ${id} not found.`)
  })
})

describe('listing', () => {
  test('gives the newest first, page by page, also what was made in the same millisecond', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) {
      if (name !== 'c') now = new Date(now.getTime() + 1)
      await make({ name })
    }
    const seen: string[] = []
    let page_token: string | undefined
    do {
      const page = await listWebhooksCall(deps, { max_results: '2', page_token }, anybody)
      seen.push(...(page.webhooks ?? []).map(({ name }) => name))
      page_token = page.next_page_token
    } while (page_token !== undefined)
    expect([...seen].sort()).toEqual(names)
    expect([seen[0], seen[1], seen[4]]).toEqual(['e', 'd', 'a'])
  })

  test.each([undefined, '0', '100', '1000', 5])('takes %j for a size', async (max_results) => {
    await make()
    expect((await listWebhooksCall(deps, { max_results }, anybody)).webhooks).toHaveLength(1)
  })

  test.each(['-1', '1001', '1.5', 'many', '1e9', {}])('refuses %j for a size', async (max_results) => {
    await expect(listWebhooksCall(deps, { max_results }, anybody)).rejects.toThrow(
      'max_results must be between 1 and 1000.',
    )
  })

  test('refuses a page token that it did not give', async () => {
    await expect(listWebhooksCall(deps, { page_token: 'eyJ9' }, anybody)).rejects.toThrow(
      'Invalid page token.',
    )
  })
})

test('MLflow’s own client, which cannot read an event that MLflow lacks, is not shown it', async () => {
  const both = await make({ name: 'both', events: [created, moved] })
  await make({ name: 'only', events: [moved] })
  const { webhooks } = await listWebhooksCall(deps, {}, mlflow)
  expect(webhooks).toEqual([{ ...both, events: [created] }])
  expect((await listWebhooksCall(deps, {}, anybody)).webhooks).toHaveLength(2)
})

describe('what is refused, with what to do', () => {
  const name = (text: string) =>
    `Webhook name '${text}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).`
  const emptyEvents = 'Webhook events must be a non-empty list of WebhookEvent objects.'
  test.each<[WebhookInput, string]>([
    [{ name: '-a' }, name('-a')],
    [{ name: 'a.' }, name('a.')],
    [{ name: 'a b' }, name('a b')],
    [{ name: 'ü' }, name('ü')],
    [{ name: 'a'.repeat(64) }, name('a'.repeat(64))],
    [{ name: 'a'.repeat(5_000) }, name('a'.repeat(100))],
    [{ url: 'http://receiver.example' }, "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."],
    [{ url: ' ' }, "Webhook URL cannot be empty or just whitespace: ' '"],
    [
      { url: 'https://inside.example' },
      "Webhook URL must not resolve to a non-public IP address. 'inside.example' resolves to one.",
    ],
    [{ url: 'https://nowhere.example' }, "Cannot resolve webhook URL hostname 'nowhere.example'"],
    [{ status: 'active' }, "Invalid webhook status 'active'. Valid statuses are: ACTIVE, DISABLED."],
    [
      { events: [created, moved, created] },
      "The event 'model_version.created' stands twice in the list; name it once.",
    ],
    [
      { events: [{ entity: 'MODEL_VERSION', action: 'UPDATED' }] },
      "Invalid action 'updated' for entity 'model_version'. Valid actions are: ['created', 'transitioned_stage']",
    ],
    [
      { events: [{ entity: 'PROMPT_TAG', action: 'X' }] },
      "Invalid action 'x' for entity 'prompt_tag'. Valid actions are: ['deleted', 'set']",
    ],
    [
      { events: [{ entity: 'model_version', action: 'CREATED' }] },
      "Invalid entity 'model_version': it is written in upper case, as 'MODEL_VERSION'.",
    ],
    [
      { events: [{ entity: 'MODEL_VERSION', action: 'created' }] },
      "Invalid action 'created': it is written in upper case, as 'CREATED'.",
    ],
    [
      { events: [{ entity: 'ENTITY_UNSPECIFIED', action: 'CREATED' }] },
      "Invalid entity 'entity_unspecified'. Valid entities are: ['registered_model', 'model_version', 'model_version_tag', 'model_version_alias', 'prompt', 'prompt_version', 'prompt_tag', 'prompt_version_tag', 'prompt_alias', 'budget_policy']",
    ],
    [
      { events: [{ entity: '__PROTO__', action: 'CREATED' }] },
      expect.stringMatching(/^Invalid entity '__proto__'/),
    ],
    [{ events: [{ entity: 2, action: 1 }] }, expect.stringMatching(/the entity is none/)],
    [{ events: [{ entity: 'PROMPT' }] }, expect.stringMatching(/the action is none/)],
    [{ events: ['MODEL_VERSION.CREATED', null, 7] }, expect.stringMatching(/the entity is none/)],
  ])('%j', async (input, why) => {
    const refused = make(input)
    await expect(refused).rejects.toThrow(InvalidInputError)
    await expect(refused).rejects.toMatchObject({ message: why })
    const { webhook_id: id } = await make()
    await expect(updateWebhookCall(deps, id, input, anybody)).rejects.toMatchObject({ message: why })
    expect((await getWebhookCall(deps, id, anybody)).webhook).toMatchObject({
      name: 'hook',
      url,
      status: 'ACTIVE',
    })
  })

  test.each([[undefined], [[]], ['x'], [{}]])('events %j for a new one', async (events) => {
    await expect(make({ events })).rejects.toThrow(emptyEvents)
  })

  test('a secret where nothing can be sealed, with what the operator must set', async () => {
    deps.keys = []
    await expect(make({ secret })).rejects.toThrow(/GREENROOM_ENCRYPTION_KEY.*openssl rand -hex 32/)
    expect(await listWebhooksCall(deps, {}, anybody)).toEqual({})
    const { webhook_id: id } = await make()
    await expect(updateWebhookCall(deps, id, { secret }, anybody)).rejects.toThrow(/GREENROOM_ENCRYPTION_KEY/)
  })
})

describe('testing a webhook', () => {
  let receiver: Receiver
  beforeEach(async () => {
    receiver = await startReceiver()
    deps.outbound = { ...deps.outbound, schemes: ['http', 'https'], allowPrivateAddresses: true }
  })
  afterEach(() => receiver.close())

  test('sends its first event with data made up, signed, and keeps what the receiver says to itself', async () => {
    const { webhook_id: id } = await make({ url: receiver.url, secret, events: [moved, created] })
    receiver.behave({ kind: 'answer', status: 200, body: 'canary of the receiver' })
    const answer = await testWebhookCall(deps, id, undefined)
    expect(answer).toEqual({ result: { success: true, response_status: 200 } })
    const [got] = receiver.received
    expect(got && isSigned(got, secret)).toBe(true)
    expect(JSON.parse(got?.body ?? '')).toMatchObject({
      entity: 'model_version',
      action: 'transitioned_stage',
      data: { name: 'example_model', version: '1' },
    })
    expect(await database.db.selectFrom('webhook_delivery').selectAll().execute()).toEqual([])
  })

  test('sends the event that is asked for, whatever the webhook is told of otherwise', async () => {
    const { webhook_id: id } = await make({ url: receiver.url })
    await testWebhookCall(deps, id, { entity: 'PROMPT_ALIAS', action: 'DELETED' })
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
      entity: 'prompt_alias',
      action: 'deleted',
    })
    await expect(testWebhookCall(deps, id, { entity: 'PROMPT', action: 'SET' })).rejects.toThrow(
      /Invalid action/,
    )
  })

  test.each([302, 404, 500])('that answers with %i has not taken it', async (status) => {
    const { webhook_id: id } = await make({ url: receiver.url })
    receiver.behave({ kind: 'answer', status })
    expect(await testWebhookCall(deps, id, undefined)).toEqual({
      result: { success: false, response_status: status },
    })
  })

  test('tells of an open port inside, of a closed one and of one that hangs up the same (R14)', async () => {
    const closed = await startReceiver()
    await closed.close()
    receiver.behave({ kind: 'reset' })
    const urls = [receiver.url, closed.url, 'http://nowhere.example/']
    const ids = []
    for (const one of urls) ids.push((await make({ url: one })).webhook_id)
    const open = []
    for (const id of ids) open.push(await testWebhookCall(deps, id, undefined))
    deps.outbound = { ...deps.outbound, allowPrivateAddresses: false }
    const guarded = []
    for (const id of ids) guarded.push(await testWebhookCall(deps, id, undefined))
    for (const answer of [...open, ...guarded])
      expect(answer).toEqual({
        result: { success: false, error_message: 'Failed to test webhook: no answer came from its URL.' },
      })
    expect(receiver.received).toHaveLength(1)
  })

  test('is not done unsigned when the secret cannot be read', async () => {
    const { webhook_id: id } = await make({ url: receiver.url, secret })
    deps.keys = []
    expect((await testWebhookCall(deps, id, undefined)).result).toMatchObject({
      success: false,
      error_message: expect.stringMatching(/GREENROOM_ENCRYPTION_KEY/),
    })
    expect(receiver.received).toEqual([])
  })
})

describe('secrets that are replaced', () => {
  const secretOf = async (id: string) =>
    (await database.db.selectFrom('webhook').select('secret').where('id', '=', id).executeTakeFirstOrThrow())
      .secret

  test('are those for which there is another one, and nothing else of their webhooks', async () => {
    const [one, other, unsigned] = [await make({ secret }), await make({ secret }), await make()]
    const before = await listWebhooksCall(deps, {}, anybody)
    const sealed = await secretOf(other.webhook_id)
    const change = (_: string, id: string) => (id === one.webhook_id ? 'changed' : null)
    expect(await replaceSecrets(database.db, change)).toBe(1)
    expect(await secretOf(one.webhook_id)).toBe('changed')
    expect(await secretOf(other.webhook_id)).toBe(sealed)
    expect(await secretOf(unsigned.webhook_id)).toBeNull()
    expect(await listWebhooksCall(deps, {}, anybody)).toEqual(before)
  })

  test('are not those that somebody sets at the same time', async () => {
    const { webhook_id: id } = await make({ secret })
    const set = (value: string) =>
      database.db.updateTable('webhook').set({ secret: value }).where('id', '=', id).execute()
    const slow = database.db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        await set('set anew')
        return result
      },
    })
    expect(await replaceSecrets(slow, () => 'changed')).toBe(0)
    expect(await secretOf(id)).toBe('set anew')
  })
})
