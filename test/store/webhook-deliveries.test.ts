import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { publish } from '../../src/lifecycle/publish.ts'
import {
  endDelivery,
  forgetDeliveries,
  listDeliveries,
  noteAttempt,
} from '../../src/store/webhook-deliveries.ts'
import { insertWebhook } from '../../src/store/webhooks.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor } from '../helpers/lifecycle.ts'

const webhook = randomUUID()
let test: TestDatabase
beforeEach(async () => {
  test = await openTestDatabase()
  const events = [{ entity: 'model_version_alias', action: 'deleted' }]
  const settings = { name: 'hook', url: 'https://r.example', description: null, secret: null, events }
  await test.db
    .transaction()
    .execute((trx) => insertWebhook(trx, webhook, { ...settings, status: 'ACTIVE' }, new Date()))
})
afterEach(() => test.close())

const log = () => listDeliveries(test.db, webhook, { limit: 10 })

async function deliver(): Promise<string> {
  await test.db.transaction().execute((trx) => {
    const removed = { kind: 'aliasDeleted', alias: 'champion' } as const
    return publish(trx, { id: 0, name: 'm', lastSeq: 1, hasListeners: true }, removed, actor('a'), new Date())
  })
  return (await log())[0]?.id ?? ''
}

const attempt = (status: number) => ({ at: new Date(), status, error: null, ms: 1 })
const end = (id: string, how: 'dead' | 'cancelled') =>
  test.db.transaction().execute((trx) => endDelivery(trx, id, how))

describe('a delivery', () => {
  it('that ended stays as it ended, but for a late word that it was taken', async () => {
    const id = await deliver()
    await end(id, 'dead')
    await end(id, 'cancelled')
    await noteAttempt(test.db, id, attempt(500), false)
    expect(await log()).toMatchObject([{ status: 'dead', attempts: 1 }])
    await noteAttempt(test.db, id, attempt(200), true)
    await end(id, 'dead')
    expect(await log()).toMatchObject([{ status: 'delivered', attempts: 2 }])
  })

  it('has each attempt in its log once, also when two end together', async () => {
    const id = await deliver()
    await Promise.all(Array.from({ length: 10 }, () => noteAttempt(test.db, id, attempt(503), false)))
    expect((await log())[0]?.log.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  it('is forgotten 30 days after it was made or cancelled, and never while it is dead or under way', async () => {
    const [made, cancelled, dead, open] = [await deliver(), await deliver(), await deliver(), await deliver()]
    await noteAttempt(test.db, made, attempt(200), true)
    await end(cancelled, 'cancelled')
    await end(dead, 'dead')
    await forgetDeliveries(test.db, 30, 10)
    expect(await log()).toHaveLength(4)
    await sql`update webhook_delivery set ended_at = ended_at - interval '31 days', created_at = created_at - interval '31 days'`.execute(
      test.db,
    )
    await forgetDeliveries(test.db, 30, 10)
    expect((await log()).map(({ id }) => id).sort()).toEqual([dead, open].sort())
    expect(await test.db.selectFrom('webhook_attempt').selectAll().execute()).toEqual([])
  })
})
