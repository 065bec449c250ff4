import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { publish } from '../../src/lifecycle/publish.ts'
import { endDelivery, noteAttempt } from '../../src/store/webhook-deliveries.ts'
import { deleteWebhook, insertWebhook } from '../../src/store/webhooks.ts'
import { actor } from '../helpers/lifecycle.ts'
import { type AppFixture, openApp } from './app-fixture.ts'

let fixture: AppFixture
beforeAll(async () => {
  fixture = await openApp()
})
afterAll(() => fixture.close())

async function call(method: 'GET' | 'POST', path: string, role: 'admin' | 'approver' = 'admin') {
  const answer = await fixture.app.inject({
    method,
    url: `/api/v1/webhooks/${path}`,
    headers: fixture.as(role),
  })
  return { status: answer.statusCode, body: answer.json() }
}

async function makeWebhook(): Promise<string> {
  const id = randomUUID()
  const events = [{ entity: 'model_version_tag', action: 'set' }]
  const settings = { name: 'hook', url: 'https://r.example', description: null, secret: null, events }
  await fixture.deps.db
    .transaction()
    .execute((trx) => insertWebhook(trx, id, { ...settings, status: 'ACTIVE' }, new Date()))
  return id
}

/** Has that many tags set, of versions 1, 2, …; gives the deliveries' ids, the newest first. */
async function happen(webhook: string, times = 1): Promise<string[]> {
  for (let version = 1; version <= times; version++)
    await fixture.deps.db.transaction().execute((trx) => {
      const tagged = { kind: 'versionTagSet', version, key: 'k', value: 'v' } as const
      return publish(
        trx,
        { id: 0, name: 'm', lastSeq: version, hasListeners: true },
        tagged,
        actor('a'),
        new Date(),
      )
    })
  return (await call('GET', `${webhook}/deliveries`)).body.deliveries.map(({ id }: { id: string }) => id)
}

const attempt = (status: number | null, error: string | null) => ({ at: new Date(), status, error, ms: 12 })
const end = (id: string) => fixture.deps.db.transaction().execute((trx) => endDelivery(trx, id, 'dead'))

describe('the log of a webhook', () => {
  test('has every delivery with its attempts, and nothing that was said', async () => {
    const webhook = await makeWebhook()
    const [id = ''] = await happen(webhook)
    await noteAttempt(fixture.deps.db, id, attempt(null, 'timeout'), false)
    await noteAttempt(fixture.deps.db, id, attempt(200, null), true)
    const { status, body } = await call('GET', `${webhook}/deliveries`)
    const time = expect.stringMatching(/^20\d\d-.*Z$/)
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        deliveries: [
          {
            id,
            entity: 'model_version_tag',
            action: 'set',
            model: 'm',
            version: 1,
            sequence: 1,
            status: 'delivered',
            attempts: 2,
            created_at: time,
            ended_at: time,
            log: [
              { attempt: 1, at: time, status: null, error: 'timeout', ms: 12 },
              { attempt: 2, at: time, status: 200, error: null, ms: 12 },
            ],
          },
        ],
        next_before: null,
      },
    })
  })

  test('is read page by page, newest first, and by how they stand', async () => {
    const webhook = await makeWebhook()
    const ids = await happen(webhook, 5)
    await end(ids[2] ?? '')
    const seen: string[] = []
    let before: string | null = null
    do {
      const query = before === null ? '' : `&before=${before}`
      const { body } = await call('GET', `${webhook}/deliveries?limit=2${query}`)
      seen.push(...body.deliveries.map(({ id }: { id: string }) => id))
      before = body.next_before
    } while (before !== null)
    expect(seen).toEqual(ids)
    const { body } = await call('GET', `${webhook}/deliveries?status=dead`)
    expect(body.deliveries).toMatchObject([{ id: ids[2], version: 3 }])
  })

  test('stays when the webhook is deleted', async () => {
    const webhook = await makeWebhook()
    const [id] = await happen(webhook)
    await deleteWebhook(fixture.deps.db, webhook, new Date())
    expect((await call('GET', `${webhook}/deliveries`)).body.deliveries).toMatchObject([{ id }])
  })

  test('is for admins', async () => {
    const webhook = await makeWebhook()
    const [id] = await happen(webhook)
    expect((await call('GET', `${webhook}/deliveries`, 'approver')).status).toBe(403)
    expect((await call('POST', `deliveries/${id}/replay`, 'approver')).status).toBe(403)
  })

  test.each([
    [`${randomUUID()}/deliveries`, 404],
    ['x/deliveries', 400],
    [`${randomUUID()}/deliveries?limit=0`, 400],
    [`${randomUUID()}/deliveries?before=x`, 400],
    [`${randomUUID()}/deliveries?status=lost`, 400],
  ])('refuses %s with %i', async (path, status) => {
    expect((await call('GET', path)).status).toBe(status)
  })
})

describe('delivering once more', () => {
  const commands = (id: string) =>
    fixture.deps.db
      .selectFrom('command')
      .select(['kind', 'status', 'model', 'version', 'payload'])
      .execute()
      .then((rows) => rows.filter(({ payload }) => payload.deliveryId === id))

  test('puts what is dead in the ledger again', async () => {
    const webhook = await makeWebhook()
    const [id = ''] = await happen(webhook)
    await end(id)
    expect(await call('POST', `deliveries/${id}/replay`)).toEqual({
      status: 202,
      body: { id, status: 'pending' },
    })
    expect(await commands(id)).toMatchObject([
      { status: 'pending', model: 'm', version: 1 },
      { status: 'pending', model: 'm', version: 1 },
    ])
  })

  test('is not for what is under way, nor twice at once', async () => {
    const [id = ''] = await happen(await makeWebhook())
    expect(await call('POST', `deliveries/${id}/replay`)).toMatchObject({
      status: 409,
      body: { error: { code: 'delivery_pending' } },
    })
    await end(id)
    const answers = await Promise.all([1, 2, 3, 4].map(() => call('POST', `deliveries/${id}/replay`)))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409])
    expect(await commands(id)).toHaveLength(2)
  })

  test('is not for a webhook that nobody wants any more', async () => {
    const webhook = await makeWebhook()
    const [id = ''] = await happen(webhook)
    await end(id)
    await deleteWebhook(fixture.deps.db, webhook, new Date())
    expect(await call('POST', `deliveries/${id}/replay`)).toMatchObject({
      status: 409,
      body: { error: { code: 'webhook_inactive' } },
    })
  })

  test('of what there is not is a 404', async () => {
    expect((await call('POST', `deliveries/${randomUUID()}/replay`)).status).toBe(404)
  })
})
