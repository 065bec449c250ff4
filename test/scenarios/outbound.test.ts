import { createSecretKey, randomUUID } from 'node:crypto'
import { describe, expect, it, type TestContext } from 'vitest'
import { listDeliveries } from '../../src/store/webhook-deliveries.ts'
import { insertWebhook } from '../../src/store/webhooks.ts'
import { sealSecret } from '../../src/webhooks/secrets.ts'
import { backends } from '../helpers/backends.ts'
import {
  type Edit,
  withFreshId,
  withoutGuard,
  withoutSweeper,
  withRewrittenBody,
} from '../helpers/broken-builds.ts'
import { isSigned, startReceiver } from '../helpers/receiver.ts'
import { openScene, type Setting } from '../helpers/scene.ts'
import { until } from '../helpers/until.ts'

const timeout = 120_000
const recoverMs = 20_000
// What a sound build needs, and more.
const brokenMs = 14_000
const encryptionKey = '0a'.repeat(32)
const secret = 'the canary secret of a receiver'
const canaries = [
  secret,
  encryptionKey,
  Buffer.from(secret).toString('base64'),
  Buffer.from(secret).toString('hex'),
]

const development = { WEBHOOK_ALLOWED_SCHEMES: 'http', WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'true' }

/** A deployment with a webhook that is told of every version, and its receiver. */
async function open(context: TestContext, setting: Setting = {}) {
  const environment = { ...development, GREENROOM_ENCRYPTION_KEY: encryptionKey, ...setting.environment }
  const scene = await openScene(context, { ...setting, environment })
  const receiver = await startReceiver()
  context.onTestFinished(() => receiver.close())
  const id = randomUUID()
  const events = [{ entity: 'model_version', action: 'created' }]
  const settings = { name: 'hook', url: receiver.url, description: null, status: 'ACTIVE', events } as const
  const sealed = sealSecret([createSecretKey(Buffer.from(encryptionKey, 'hex'))], secret, id)
  await scene.db
    .transaction()
    .execute((trx) => insertWebhook(trx, id, { ...settings, secret: sealed }, new Date()))
  const log = () => listDeliveries(scene.db, id, { limit: 10 })
  return { scene, receiver, log }
}

type Opened = Awaited<ReturnType<typeof open>>

for (const backend of backends()) {
  describe.skipIf(backend.missing !== null)(
    `kill -9 of a worker that waits for a receiver, with queues on ${backend.name}`,
    { concurrent: true },
    () => {
      it('has the delivery made by another, under the same id with the same bytes (L4, L6, V14)', {
        timeout,
      }, async (context) => {
        const opened = await open(context, { backend: backend.name })
        expect(await loseWorker(opened)).toEqual([])
        expect(await opened.scene.violations()).toEqual([])
        expect(await opened.log()).toMatchObject([
          { status: 'delivered', attempts: 1, log: [{ status: 204 }] },
        ])
      })
    },
  )
}

describe.concurrent('on a build that is broken on purpose', () => {
  it('without a sweeper the delivery is not made', { timeout }, async (context) => {
    expect(await loseWorker(await open(context), withoutSweeper)).toEqual([
      'L17: the delivery is pending after 1 requests',
    ])
  })

  it.for([
    ['a body that is written anew', withRewrittenBody, 'V14: the bytes differ'],
    ['an id that is made anew', withFreshId, 'V14: the ids differ'],
  ] as const)('with %s for each attempt that shows', { timeout }, async ([, edits, violation], context) => {
    expect(await loseWorker(await open(context), edits)).toContain(violation)
  })

  it('without a guard a webhook leads inside', { timeout }, async (context) => {
    const { receiver } = await leadInside(context, withoutGuard)
    await until(() => receiver.received.length > 0)
  })
})

it('a webhook that leads inside is not sent to, though it is in the database (R13)', {
  timeout,
}, async (context) => {
  const { receiver, log } = await leadInside(context)
  await until(async () => ((await log())[0]?.attempts ?? 0) > 0)
  expect(await log()).toMatchObject([{ status: 'pending', log: [{ status: null, error: 'blocked' }] }])
  expect(receiver.received).toEqual([])
})

it('a server and a worker show no secret in what they write (V13)', { timeout }, async (context) => {
  const { scene, receiver } = await open(context)
  const services = await Promise.all([scene.serve(), scene.work()])
  receiver.behave({ kind: 'answer', status: 500, body: secret }, { kind: 'reset' })
  await scene.registrar.deliver(scene.registrar.write())
  await until(() => receiver.received.length > 0)
  await scene.settle(recoverMs)
  expect(receiver.received.every((one) => isSigned(one, secret))).toBe(true)
  const written = services.flatMap(({ lines }) => lines).join('\n')
  expect(written).toContain('the receiver answered with 500')
  for (const canary of canaries) expect(written).not.toContain(canary)
})

/** Kills the worker while a receiver keeps it waiting, and says what is wrong when another has had its time. */
async function loseWorker({ scene, receiver, log }: Opened, edits?: Edit[]): Promise<string[]> {
  receiver.behave({ kind: 'stall' })
  const [worker] = await Promise.all([scene.work(edits), scene.serve()])
  await scene.registrar.deliver(scene.registrar.write())
  await until(() => receiver.received.length === 1)
  await worker.kill()
  await scene.work(edits)
  await scene.settle(edits === withoutSweeper ? brokenMs : recoverMs)
  const { received } = receiver
  const [delivery] = await log()
  const isOne = (parts: unknown[]) => new Set(parts).size === 1
  return [
    ...(delivery?.status === 'delivered' && received.length === 2
      ? []
      : [`L17: the delivery is ${delivery?.status} after ${received.length} requests`]),
    ...(isOne(received.map(({ body }) => body)) ? [] : ['V14: the bytes differ']),
    ...(isOne(received.map(({ headers }) => headers['x-mlflow-delivery-id'])) ? [] : ['V14: the ids differ']),
    ...(received.every((one) => isSigned(one, secret)) ? [] : ['R7: a signature does not fit']),
  ]
}

/** Registers a version where webhooks may not lead to this machine, and one does. */
async function leadInside(context: TestContext, edits?: Edit[]): Promise<Opened> {
  const opened = await open(context, { environment: { WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'false' } })
  await Promise.all([opened.scene.work(edits), opened.scene.serve(edits)])
  await opened.scene.registrar.deliver(opened.scene.registrar.write())
  return opened
}
