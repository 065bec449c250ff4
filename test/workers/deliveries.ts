import { createSecretKey, randomUUID } from 'node:crypto'
import { type KyselyPlugin, sql } from 'kysely'
import { pino } from 'pino'
import { publish } from '../../src/lifecycle/publish.ts'
import { type DeliveryRecord, listDeliveries } from '../../src/store/webhook-deliveries.ts'
import { insertWebhook, type Webhook, type WebhookSettings } from '../../src/store/webhooks.ts'
import type { Happening } from '../../src/webhooks/happenings.ts'
import { type KeyRing, sealSecret } from '../../src/webhooks/secrets.ts'
import type { Background } from '../../src/workers/background.ts'
import { giveUpDelivery, runDeliverWebhook } from '../../src/workers/deliver-webhook.ts'
import { startDispatcher } from '../../src/workers/dispatcher.ts'
import { openQueues } from '../../src/workers/queues.ts'
import { startSweeper } from '../../src/workers/sweeper.ts'
import { startWorkers } from '../../src/workers/workers.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { actor } from '../helpers/lifecycle.ts'

/** A key, a secret sealed with it, and what a webhook is told of, unless a test says otherwise. */
export const key = createSecretKey(Buffer.alloc(32, 7))
export const secret = 'the canary secret of a receiver'
const events = [{ entity: 'model_version', action: 'created' }]

/** Deliveries with real parts on a database of their own. */
export type Deliveries = Awaited<ReturnType<typeof openDeliveries>>

/** Opens the ledger and the queues; nothing is delivered before `work`. */
export async function openDeliveries() {
  const { db, url, close } = await openTestDatabase()
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  const queues = await openQueues({ redisUrl: null, databaseUrl: url, onError: () => {} })
  const running: Background[] = []
  const waits: number[] = []

  return {
    db,
    logged: () => lines.join(''),
    /** How long attempts were put off, in milliseconds, each wait that was skipped in its turn. */
    waits,
    /** Starts dispatcher, sweeper and workers, whose deliveries may be of a broken build; what is given back may be changed, the keys say. */
    work: (keys: KeyRing = [key], ...broken: KyselyPlugin[]) => {
      const outbound = {
        schemes: ['http'] as const,
        allowPrivateAddresses: true,
        resolve: async () => ['127.0.0.1'],
      }
      const deps = {
        db: broken.reduce((db, plugin) => db.withPlugin(plugin), db),
        now: () => new Date(),
        outbound,
        keys,
      }
      running.push(
        startWorkers({
          db,
          queues,
          log,
          run: async (command, stop) => {
            if (command.kind !== 'deliverWebhook') throw new Error('there should be deliveries only')
            return runDeliverWebhook(deps, command, stop)
          },
          giveUp: async (command, why) => {
            if (command.kind !== 'deliverWebhook') return false
            await giveUpDelivery(deps, command, why)
            return true
          },
          now: deps.now,
          concurrency: { checks: 1, notifications: 1, deliveries: 8 },
          shutdownMs: 1_000,
        }),
      )
      running.push(startSweeper({ db, queues, log }))
      running.push(startDispatcher({ db, databaseUrl: url, queues, log }))
      return deps
    },
    addWebhook: (receiver: { url: string }, changes: Partial<WebhookSettings> = {}): Promise<Webhook> => {
      const id = randomUUID()
      const sealed = sealSecret([key], secret, id)
      const given = { name: 'hook', url: receiver.url, description: null, status: 'ACTIVE' as const, events }
      return db
        .transaction()
        .execute((trx) => insertWebhook(trx, id, { ...given, secret: sealed, ...changes }, new Date()))
    },
    /** Publishes that something happened to a model, in a transaction of its own. */
    happen: (happening: Happening = created(), sequence = 1) =>
      db
        .transaction()
        .execute((trx) =>
          publish(
            trx,
            { id: 0, name: 'm', lastSeq: sequence, hasListeners: true },
            happening,
            actor('alice'),
            new Date(),
          ),
        ),
    log: (webhook: Webhook): Promise<DeliveryRecord[]> => listDeliveries(db, webhook.id, { limit: 1_000 }),
    /** Lets the time pass that deliveries wait for: whatever waits has waited, and is that much older. */
    skipWaits: async () => {
      const { rows } = await sql<{ ms: number }>`
        with waiting as (
          select id, run_at - clock_timestamp() as rest from command
          where status = 'pending' and run_at > clock_timestamp() + interval '300 ms'
        )
        update command set run_at = run_at - rest, created_at = created_at - rest
        from waiting where command.id = waiting.id and command.status = 'pending'
        returning extract(epoch from rest)::float8 * 1000 as ms, pg_notify('greenroom_command', '')`.execute(
        db,
      )
      waits.push(...rows.map(({ ms }) => ms))
    },
    close: async () => {
      for (const part of running.splice(0).reverse()) await part.stop()
      await queues.close()
      await close()
    },
  }
}

/** That a version was created. */
export const created = (changes: Partial<Happening & { kind: 'versionCreated' }> = {}): Happening => ({
  kind: 'versionCreated',
  version: 1,
  source: 's3://bucket/model',
  runId: 'r1',
  tags: { team: 'forecast' },
  description: 'the first',
  ...changes,
})
