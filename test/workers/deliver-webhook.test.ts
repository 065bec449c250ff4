import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KyselyPlugin, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { publish } from '../../src/lifecycle/publish.ts'
import { register } from '../../src/lifecycle.ts'
import { claimCommand, takeDue } from '../../src/store/commands.ts'
import { noteAttempt, replayDelivery } from '../../src/store/webhook-deliveries.ts'
import { deleteWebhook, updateWebhook } from '../../src/store/webhooks.ts'
import { actor, lifecycleDeps, registration, runChecks } from '../helpers/lifecycle.ts'
import { withoutRest } from '../helpers/mutants.ts'
import { type Behaviour, isSigned, type Receiver, startReceiver } from '../helpers/receiver.ts'
import { until } from '../helpers/until.ts'
import { created, type Deliveries, key, openDeliveries, secret } from './deliveries.ts'

const dayMs = 86_400_000
const timeout = 60_000

let stage: Deliveries
let receiver: Receiver
beforeEach(async () => {
  stage = await openDeliveries()
  receiver = await startReceiver()
})
afterEach(async () => {
  await stage.close()
  await receiver.close()
})

/** Lets time pass until no delivery is under way any more. */
async function settle(): Promise<void> {
  await until(async () => {
    await stage.skipWaits()
    const open = await stage.db
      .selectFrom('webhook_delivery')
      .select('id')
      .where('status', '=', 'pending')
      .execute()
    return open.length === 0
  }, timeout)
}

const answer = (status: number, headers: Record<string, string> = {}): Behaviour => ({
  kind: 'answer',
  status,
  headers,
})

describe('what happens is told', () => {
  it('to whoever asked for it, signed, with what is in the history', async () => {
    const events = [
      { entity: 'model_version', action: 'created' },
      { entity: 'model_version', action: 'transitioned_stage' },
    ]
    const webhook = await stage.addWebhook(receiver, { events })
    const deps = lifecycleDeps()
    await register(stage.db, registration('m', { runId: 'r1', tags: { a: 'ü' } }), actor('ci'), deps)
    await runChecks(stage.db, deps)
    // It has claimed the deliveries too, as workers would that died with them.
    await stage.db
      .updateTable('command')
      .set({ status: 'pending' })
      .where('queue', '=', 'deliveries')
      .execute()
    stage.work()
    await settle()
    const bodies = receiver.received
      .map(({ body }) => JSON.parse(body))
      .sort((a, b) => (a.action < b.action ? -1 : 1))
    expect(bodies).toMatchObject([
      {
        entity: 'model_version',
        action: 'created',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/),
        data: {
          name: 'm',
          version: '1',
          source: 'file:///models/m',
          run_id: 'r1',
          tags: { a: 'ü' },
          description: null,
        },
      },
      {
        entity: 'model_version',
        action: 'transitioned_stage',
        data: {
          name: 'm',
          version: '1',
          from_stage: 'None',
          to_stage: 'Staging',
          actor: 'greenroom',
          reason: '1 of 1 checks passed',
          sequence: 2,
        },
      },
    ])
    expect(receiver.received.map((one) => isSigned(one, secret))).toEqual([true, true])
    const history = await stage.db
      .selectFrom('event')
      .select('seq')
      .where('to_stage', '=', 'Staging')
      .execute()
    const sequences = receiver.received.map(({ headers }) => Number(headers['x-greenroom-sequence']))
    expect(sequences.sort()).toEqual([1, history[0]?.seq])
    const ids = receiver.received.map(({ headers }) => headers['x-mlflow-delivery-id'])
    expect(ids.sort()).toEqual((await stage.log(webhook)).map(({ id }) => id).sort())
  })

  it('to nobody who asked for something else, is disabled or is deleted; then nothing is written', async () => {
    await stage.addWebhook(receiver, { events: [{ entity: 'registered_model', action: 'created' }] })
    await stage.addWebhook(receiver, { status: 'DISABLED' })
    const { id } = await stage.addWebhook(receiver)
    await deleteWebhook(stage.db, id, new Date())
    await stage.happen()
    expect(await stage.db.selectFrom('webhook_delivery').selectAll().execute()).toEqual([])
    expect(await stage.db.selectFrom('command').selectAll().execute()).toEqual([])
  })

  it('to nobody when it is undone', async () => {
    const webhook = await stage.addWebhook(receiver)
    const undone = stage.db.transaction().execute(async (trx) => {
      await publish(
        trx,
        { id: 0, name: 'm', lastSeq: 1, hasListeners: true },
        created(),
        actor('a'),
        new Date(),
      )
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    expect(await stage.log(webhook)).toEqual([])
  })

  it('to each of several, under an id of their own', async () => {
    await Promise.all([1, 2, 3].map(() => stage.addWebhook(receiver)))
    await stage.happen()
    stage.work()
    await settle()
    expect(new Set(receiver.received.map(({ headers }) => headers['x-mlflow-delivery-id'])).size).toBe(3)
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1)
  })
})

describe('a delivery', () => {
  it('keeps its id and its bytes in every attempt, and is signed anew in each (V14)', {
    timeout,
  }, async () => {
    const webhook = await stage.addWebhook(receiver)
    receiver.behave(answer(500), { kind: 'reset' }, answer(302), answer(404), answer(429))
    await stage.happen()
    stage.work()
    await until(async () => {
      await sleep(1_000) // so that the attempts differ in the second they are signed at
      await stage.skipWaits()
      return (await stage.log(webhook))[0]?.status === 'delivered'
    }, timeout)
    const { received } = receiver
    expect(received).toHaveLength(6)
    expect(new Set(received.map(({ body }) => body)).size).toBe(1)
    expect(new Set(received.map(({ headers }) => headers['x-mlflow-delivery-id'])).size).toBe(1)
    expect(received.every((one) => isSigned(one, secret))).toBe(true)
    expect(new Set(received.map(({ headers }) => headers['x-mlflow-timestamp'])).size).toBeGreaterThan(3)
    for (const { headers, at } of received)
      expect(Math.abs(Number(headers['x-mlflow-timestamp']) - at / 1000)).toBeLessThan(3)
    expect(await stage.log(webhook)).toMatchObject([
      {
        status: 'delivered',
        attempts: 6,
        log: [
          { attempt: 1, status: 500, error: null },
          { attempt: 2, status: null, error: 'connection' },
          { attempt: 3, status: 302, error: null },
          { attempt: 4, status: 404, error: null },
          { attempt: 5, status: 429, error: null },
          { attempt: 6, status: 204, error: null },
        ],
      },
    ])
  })

  it('that nobody takes is tried ever more seldom for three days, and is then dead and shown (L17)', {
    timeout,
  }, async () => {
    const webhook = await stage.addWebhook(receiver)
    receiver.always(answer(503))
    await stage.happen()
    stage.work()
    await settle()
    const [delivery] = await stage.log(webhook)
    expect(delivery).toMatchObject({ status: 'dead', attempts: receiver.received.length })
    expect(stage.waits).toHaveLength(receiver.received.length - 1)
    expect(stage.waits.length).toBeGreaterThan(25)
    expect(stage.waits.length).toBeLessThan(45)
    const total = stage.waits.reduce((sum, ms) => sum + ms, 0)
    expect(total).toBeGreaterThan(3 * dayMs - 60_000)
    expect(total).toBeLessThan(3 * dayMs + 60_000)
    for (const [index, ms] of stage.waits.slice(0, -1).entries()) {
      const base = Math.min(5_000 * 2 ** index, 3 * 3_600_000)
      expect(ms).toBeGreaterThan(base - 1_000)
      expect(ms).toBeLessThan(base * 1.2 + 1)
    }
    const command = await stage.db.selectFrom('command').select(['status', 'last_error']).executeTakeFirst()
    expect(command).toEqual({ status: 'dead', last_error: 'the receiver answered with 503' })
    expect(stage.logged()).toMatch(/"level":50.*"why":"the receiver answered with 503".*"gave up"/)
  })

  it('that was down for the whole of the last day is tried once more before it is given up', {
    timeout,
  }, async () => {
    const webhook = await stage.addWebhook(receiver)
    await stage.happen()
    const fourDaysAgo = new Date(Date.now() - 4 * dayMs)
    await stage.db.updateTable('command').set({ created_at: fourDaysAgo, failures: 20 }).execute()
    stage.work()
    await settle()
    expect(await stage.log(webhook)).toMatchObject([{ status: 'delivered', attempts: 1 }])
  })

  it.each([
    ['as long as it asks for, in seconds', () => '600', 590_000, 610_000],
    ['until the date it names', () => new Date(Date.now() + 1_200_000).toUTCString(), 1_190_000, 1_210_000],
    ['three hours at most', () => '86400', 3 * 3_600_000 - 5_000, 3 * 3_600_000],
    ['as long as ever, when it asks for less', () => '0', 4_000, 6_000],
    ['as long as ever, when it says nothing that has a meaning', () => 'soon', 4_000, 6_000],
  ])('waits for a receiver with Retry-After %s', async (_, header, from, to) => {
    await stage.addWebhook(receiver)
    receiver.behave(answer(429, { 'retry-after': header() }))
    await stage.happen()
    stage.work()
    await settle()
    expect(stage.waits).toHaveLength(1)
    expect(stage.waits[0]).toBeGreaterThan(from)
    expect(stage.waits[0]).toBeLessThanOrEqual(to)
  })

  it('that is answered with 410 is dead at once; replayed, it has its id and its bytes', async () => {
    const webhook = await stage.addWebhook(receiver)
    receiver.behave(answer(410))
    await stage.happen()
    stage.work()
    await settle()
    const [dead] = await stage.log(webhook)
    expect(dead).toMatchObject({ status: 'dead', attempts: 1, log: [{ status: 410 }] })
    const replay = () =>
      stage.db
        .transaction()
        .execute((trx) => replayDelivery(trx, dead?.id ?? '', { id: randomUUID(), traceId: 't2' }))
    expect(await replay()).toBe('replayed')
    expect(await replay()).toBe('underWay')
    await settle()
    expect(await stage.log(webhook)).toMatchObject([{ id: dead?.id, status: 'delivered', attempts: 2 }])
    const [first, second] = receiver.received
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['x-mlflow-delivery-id']).toBe(first?.headers['x-mlflow-delivery-id'])
  })

  it.each([
    [
      'disabled',
      (id: string) =>
        stage.db.transaction().execute((trx) => updateWebhook(trx, id, { status: 'DISABLED' }, new Date())),
    ],
    ['deleted', (id: string) => deleteWebhook(stage.db, id, new Date())],
  ])('whose webhook was %s in the meantime ends without being sent', async (_, change) => {
    const webhook = await stage.addWebhook(receiver)
    await stage.happen()
    await change(webhook.id)
    stage.work()
    await settle()
    expect(receiver.received).toEqual([])
    expect(await stage.log(webhook)).toMatchObject([{ status: 'cancelled', attempts: 0 }])
    const commands = await stage.db.selectFrom('command').select('status').execute()
    expect(commands).toEqual([{ status: 'done' }])
  })

  it('is never sent unsigned when its secret cannot be read, and is sent when it can again', {
    timeout,
  }, async () => {
    const webhook = await stage.addWebhook(receiver)
    await stage.happen()
    const workers = stage.work([])
    await until(async () => ((await stage.log(webhook))[0]?.attempts ?? 0) > 0)
    expect(await stage.log(webhook)).toMatchObject([{ log: [{ status: null, error: 'locked' }] }])
    expect(receiver.received).toEqual([])
    workers.keys = [key]
    await settle()
    expect(receiver.received.map((one) => isSigned(one, secret))).toEqual([true])
  })

  it('that was taken is not sent again by whoever takes it up from a worker that died (L6)', async () => {
    const webhook = await stage.addWebhook(receiver)
    await stage.happen()
    const [due] = await takeDue(stage.db, 1, 60_000)
    const dying = due === undefined ? undefined : await claimCommand(stage.db, due, 1)
    const [delivery] = await stage.log(webhook)
    const taken = { at: new Date(), status: 200, error: null, ms: 5 }
    await noteAttempt(stage.db, delivery?.id ?? '', taken, true)
    stage.work()
    await until(
      async () =>
        (await stage.db.selectFrom('command').select('status').executeTakeFirst())?.status === 'done',
    )
    expect(dying?.kind).toBe('deliverWebhook')
    expect(receiver.received).toEqual([])
  })
})

it('a receiver that does not answer holds up no other, and has its deliveries when it answers again (L8)', async () => {
  const silent = await startReceiver()
  silent.always({ kind: 'stall' })
  try {
    const silenced = await stage.addWebhook(silent)
    const other = await stage.addWebhook(receiver)
    for (let version = 1; version <= 40; version++) await stage.happen(created({ version }), version)
    stage.work()
    await until(() => receiver.received.length === 40, 30_000)
    // As many at once as there are workers, and then nobody until it has rested.
    expect(silent.received.length).toBeLessThanOrEqual(8)
    silent.always(answer(204))
    await until(async () => {
      await stage.skipWaits()
      await sql`update webhook set rests_until = rests_until - interval '30 s'`.execute(stage.db)
      return (await stage.log(silenced)).every(({ status }) => status === 'delivered')
    }, 60_000)
    expect((await stage.log(other)).every(({ attempts }) => attempts === 1)).toBe(true)
    const rest = await stage.db.selectFrom('webhook').select('rests_until').execute()
    expect(rest).toEqual([{ rests_until: null }, { rests_until: null }])
  } finally {
    await silent.close()
  }
})

describe('a receiver that takes everything, but six seconds later', () => {
  const deliveries = 40

  /** How many deliveries it has been sent when those that came after its first answers have begun. */
  async function sentTo(slow: Receiver, ...broken: KyselyPlugin[]): Promise<number> {
    slow.always({ kind: 'tarry', status: 204, ms: 6_000 })
    onTestFinished(() => slow.close())
    await stage.addWebhook(slow)
    await stage.addWebhook(receiver)
    for (let version = 1; version <= deliveries; version++) await stage.happen(created({ version }), version)
    stage.work([key], ...broken)
    await until(() => slow.received.length > 0)
    await sleep(9_000)
    return slow.received.length
  }

  it('is left alone as one that does not answer, and holds up no other (D4, L8)', { timeout }, async () => {
    const sent = await sentTo(await startReceiver())
    expect(sent).toBeLessThanOrEqual(8)
    await until(async () => {
      const log = await stage.db.selectFrom('webhook_delivery').select('status').execute()
      return log.filter(({ status }) => status === 'delivered').length === deliveries + sent
    })
    expect(receiver.received).toHaveLength(deliveries)
    const webhooks = await stage.db.selectFrom('webhook').select('rests_until').execute()
    expect(webhooks.filter((webhook) => webhook.rests_until !== null)).toHaveLength(1)
  })

  it('is not on a build that leaves nobody alone', { timeout }, async () => {
    expect(await sentTo(await startReceiver(), withoutRest)).toBeGreaterThan(8)
  })
})

it('whatever receivers do, every event is delivered or dead in the end, under one id with one body (L17, V14)', {
  timeout: 180_000,
}, async () => {
  const total = 150
  const webhook = await stage.addWebhook(receiver)
  const faults: Behaviour[] = [
    answer(500),
    answer(429, { 'retry-after': '1' }),
    answer(302, { location: receiver.url }),
    { kind: 'reset' },
    answer(400),
    { kind: 'flood', status: 503 },
    answer(204),
    answer(410),
  ]
  receiver.behave(...Array.from({ length: 400 }, (_, index) => faults[index % faults.length] ?? answer(200)))
  for (let version = 1; version <= total; version++) await stage.happen(created({ version }), version)
  stage.work()
  await settle()
  const log = await stage.log(webhook)
  const byStatus = Map.groupBy(log, ({ status }) => status)
  expect((byStatus.get('delivered')?.length ?? 0) + (byStatus.get('dead')?.length ?? 0)).toBe(total)
  expect(byStatus.get('dead')?.every(({ log }) => log.at(-1)?.status === 410)).toBe(true)
  const byId = Map.groupBy(receiver.received, ({ headers }) => headers['x-mlflow-delivery-id'])
  expect(byId.size).toBe(total)
  for (const attempts of byId.values()) expect(new Set(attempts.map(({ body }) => body)).size).toBe(1)
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(total)
  expect(receiver.received.length).toBe(log.reduce((sum, { attempts }) => sum + attempts, 0))
})

it('the secret shows in no log, no job and no column in clear (V13)', async () => {
  await stage.addWebhook(receiver)
  receiver.behave(answer(500), { kind: 'reset' }, answer(200))
  await stage.happen()
  stage.work()
  await settle()
  expect(receiver.received.every((one) => isSigned(one, secret))).toBe(true)
  const { rows } = await sql<{ everything: string }>`
    select string_agg(query_to_xml(format('select * from %I.%I', schemaname, tablename), false, true, '')::text, '')
      as everything
    from pg_tables where schemaname in ('public', 'bullmq')`.execute(stage.db)
  const stored = rows[0]?.everything ?? ''
  expect(stored).toContain(receiver.url)
  expect(stored).toContain('commandId')
  for (const place of [stored, stage.logged()])
    for (const form of [
      secret,
      Buffer.from(secret).toString('base64').slice(0, 20),
      Buffer.from(secret).toString('hex').slice(0, 20),
    ])
      expect(place).not.toContain(form)
})
