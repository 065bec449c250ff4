import { createSecretKey } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Receiver, startReceiver } from '../../helpers/receiver.ts'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  registry = await openRegistry({
    outbound: { schemes: ['http'], allowPrivateAddresses: true, resolve: async () => [] },
    keys: [createSecretKey(Buffer.alloc(32, 7))],
  })
})
afterAll(async () => {
  await registry.close()
  await receiver.close()
})

const events = [{ entity: 'MODEL_VERSION', action: 'CREATED' }]
const secret = 'canary of a receiver'
const hook = (changes: object = {}) => ({ name: 'hook', url: receiver.url, events, ...changes })
const missing = (id: string) => ({
  status: 404,
  body: error('RESOURCE_DOES_NOT_EXIST', `Webhook with ID ${id} not found.`),
})

async function make(changes: object = {}): Promise<string> {
  return (await registry.post('webhooks', hook(changes))).body.webhook.webhook_id
}

test.each(['/api', '/ajax-api'])(
  'a webhook is made, shown, listed, changed, tried and deleted below %s',
  async (prefix) => {
    const base = `${prefix}/2.0/mlflow/webhooks`
    const made = await registry.post(base, hook({ secret, description: 'd' }))
    const { webhook } = made.body
    expect(made).toMatchObject({
      status: 200,
      body: { webhook: { name: 'hook', url: receiver.url, events, status: 'ACTIVE' } },
    })
    const one = `${base}/${webhook.webhook_id}`
    expect((await registry.get(one)).body).toEqual({ webhook })
    expect((await registry.get(base, { max_results: '1' })).body.webhooks).toEqual([webhook])
    const changed = await registry.patch(one, { status: 'DISABLED' })
    expect(changed.body.webhook).toEqual({
      ...webhook,
      status: 'DISABLED',
      last_updated_timestamp: changed.body.webhook.last_updated_timestamp,
    })
    expect(await registry.post(`${one}/test`, {})).toMatchObject({
      status: 200,
      body: { result: { success: true, response_status: 204 } },
    })
    const withoutBody = await registry.request('DELETE', one, undefined, registry.as('admin'))
    expect(withoutBody).toMatchObject({ status: 200, body: {} })
    for (const answer of [
      await registry.get(one),
      await registry.patch(one, { name: 'x' }),
      await registry.remove(one, {}),
      await registry.post(`${one}/test`, {}),
    ])
      expect(answer).toMatchObject(missing(webhook.webhook_id))
    expect(JSON.stringify(registry.logged())).not.toContain('canary')
    expect(registry.logged().filter(({ level }) => Number(level) >= 40)).toEqual([])
  },
)

test('webhooks are for admins alone', async () => {
  const id = await make()
  for (const role of ['viewer', 'registrar', 'approver'] as const)
    for (const answer of [
      await registry.post('webhooks', hook(), role),
      await registry.get('webhooks', {}, role),
      await registry.get(`webhooks/${id}`, {}, role),
      await registry.patch(`webhooks/${id}`, { name: 'x' }, role),
      await registry.remove(`webhooks/${id}`, {}, role),
      await registry.post(`webhooks/${id}/test`, {}, role),
    ])
      expect(answer).toMatchObject({ status: 403, body: { error_code: 'PERMISSION_DENIED' } })
})

describe('refused in MLflow’s form', () => {
  const bad = (message: unknown) => ({ status: 400, body: error('INVALID_PARAMETER_VALUE', message) })
  const hint = 'See the API docs for more information about request parameters.'
  test.each<[object, unknown]>([
    [{ name: undefined }, `Missing value for required parameter 'name'. ${hint}`],
    [{ url: '' }, `Missing value for required parameter 'url'. ${hint}`],
    [{ events: undefined }, 'Webhook events must be a non-empty list of WebhookEvent objects.'],
    [{ name: 7 }, expect.stringMatching(/^Invalid value 7 for parameter 'name' supplied:/)],
    [{ status: 1 }, expect.stringMatching(/^Invalid value 1 for parameter 'status' supplied:/)],
    [{ url: 'ftp://x' }, "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: http."],
    [{ description: 'a'.repeat(1_001) }, "'description' exceeds the maximum length of 1000 characters"],
    [{ secret: 'a'.repeat(1_001) }, "'secret' exceeds the maximum length of 1000 characters"],
  ])('%j', async (changes, message) => {
    expect(await registry.post('webhooks', hook(changes))).toMatchObject(bad(message))
  })

  test('a page that is none', async () => {
    expect(await registry.get('webhooks', { max_results: '1001' })).toMatchObject(
      bad('max_results must be between 1 and 1000.'),
    )
    expect(await registry.get('webhooks', { page_token: 'x' })).toMatchObject(bad('Invalid page token.'))
  })

  test.each(['x', '%00', '..%2f', "'", '%ff'])('a webhook named %s is not there', async (id) => {
    expect((await registry.get(`webhooks/${id}`)).status).toBeGreaterThanOrEqual(400)
    expect((await registry.get(`webhooks/${id}`)).status).toBeLessThan(500)
  })
})

test('MLflow’s own client is not shown what it cannot read', async () => {
  const moved = { entity: 'MODEL_VERSION', action: 'TRANSITIONED_STAGE' }
  const id = await make({ events: [...events, moved] })
  const path = `/api/2.0/mlflow/webhooks/${id}`
  const asMlflow = { ...registry.as('admin'), 'user-agent': 'mlflow-python-client/3.11.1' }
  expect((await registry.request('GET', path, undefined, asMlflow)).body.webhook.events).toEqual(events)
  expect((await registry.get(path)).body.webhook.events).toEqual([...events, moved])
})
