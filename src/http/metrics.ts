import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { countCommands } from '../store/commands.ts'
import { countPendingRequests, countVersions } from '../store/reads.ts'
import type { AppDeps } from './deps.ts'

/** What became of a webhook. */
export type WebhookOutcome =
  | 'registered'
  | 'duplicate'
  | 'ignored'
  | 'conflict'
  | 'reused'
  | 'unauthorized'
  | 'invalid'

/** The figures of one application, in a registry of its own. */
export type Metrics = {
  registry: Registry
  /** Reads the figures that live in the database. *Never rejects.* */
  refresh(): Promise<void>
  countWebhook(source: string, outcome: WebhookOutcome): void
}

/** Makes the figures; those that live in the database are read before every scrape. */
export function makeMetrics(deps: AppDeps): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const webhooks = new Counter({
    name: 'greenroom_webhook_deliveries_total',
    help: 'Webhook deliveries by source and by what became of them.',
    labelNames: ['source', 'outcome'],
    registers: [registry],
  })
  return {
    registry,
    refresh: addDatabaseGauges(registry, deps),
    countWebhook: (source, outcome) => webhooks.inc({ source, outcome }),
  }
}

/** Times every answer by its route's pattern, never by its path, and adds `/metrics`. */
export function serveMetrics(app: FastifyInstance, metrics: Metrics): void {
  const durations = new Histogram({
    name: 'greenroom_http_request_duration_seconds',
    help: 'Time from a request to its answer, by route.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    registers: [metrics.registry],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    durations.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    done()
  })
  app.get('/metrics', { config: { access: 'viewer' }, schema: { hide: true } }, async (_, reply) => {
    await metrics.refresh()
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })
}

function addDatabaseGauges(registry: Registry, { db, log }: AppDeps): () => Promise<void> {
  const registers = [registry]
  const commands = new Gauge({
    name: 'greenroom_commands',
    help: 'Commands in the ledger that have not ended, and those given up on.',
    labelNames: ['queue', 'status'],
    registers,
  })
  const versions = new Gauge({
    name: 'greenroom_model_versions',
    help: 'Model versions by stage.',
    labelNames: ['stage'],
    registers,
  })
  const approvals = new Gauge({
    name: 'greenroom_pending_approvals',
    help: 'Approval requests that wait for people.',
    registers,
  })
  const up = new Gauge({
    name: 'greenroom_database_up',
    help: 'Whether the database answered when these figures were collected.',
    registers,
  })
  return async () => {
    for (const gauge of [commands, versions, approvals, up]) gauge.reset()
    try {
      const [ledger, stages, pending] = await Promise.all([
        countCommands(db),
        countVersions(db),
        countPendingRequests(db),
      ])
      for (const { queue, status, count } of ledger) commands.set({ queue, status }, count)
      for (const { stage, count } of stages) versions.set({ stage }, count)
      approvals.set(pending)
      up.set(1)
    } catch (error) {
      // The process's own figures are worth most when the database is away.
      log.warn({ err: error }, 'the database did not answer when figures were collected')
    }
  }
}
