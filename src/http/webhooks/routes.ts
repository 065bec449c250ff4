// Webhooks in. The raw bytes are verified before anything is parsed, and 2xx goes out only after the version is durable.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sha256 } from '../../canonical-json.ts'
import { InvalidInputError } from '../../errors.ts'
import type { AppDeps } from '../deps.ts'
import { refuse } from '../errors.ts'
import { maxBodyBytes, parseJson } from '../json.ts'
import type { Metrics, WebhookOutcome } from '../metrics.ts'
import { type OnceOutcome, registerOnce } from '../register-once.ts'
import { mlflowSource } from './mlflow.ts'
import { registrationsSource } from './registrations.ts'
import { verifyDelivery } from './signature.ts'
import type { Reading, WebhookSource } from './source.ts'

type Parts = { deps: AppDeps; metrics: Metrics }

/** Adds `POST /webhooks/<source>` for every source. */
export async function webhookRoutes(app: FastifyInstance, parts: Parts): Promise<void> {
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: maxBodyBytes },
    async (_: FastifyRequest, body: Buffer) => body,
  )
  const { mlflow, registrations } = parts.deps.config.webhooks
  for (const source of [mlflowSource(mlflow), registrationsSource(registrations)])
    app.post(`/webhooks/${source.name}`, { config: { access: 'signed' } }, (request, reply) =>
      take(source, parts, request, reply),
    )
}

async function take(
  source: WebhookSource,
  { deps, metrics }: Parts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (source.keys.length === 0)
    return refuse(reply, 404, 'not_found', 'No secret is configured for webhooks of this source.')
  const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const { headers } = request
  const shown = {
    id: headers[source.headers.id],
    timestamp: headers[source.headers.timestamp],
    signatures: headers[source.headers.signatures],
  }
  const id = verifyDelivery(shown, raw, source.keys, deps.now())
  if (id === null) {
    metrics.countWebhook(source.name, 'unauthorized')
    return refuse(reply, 401, 'bad_signature', 'The signature, its time or the delivery’s id is not valid.')
  }
  const reading = readOrCount(source, raw, metrics)
  const origin = `webhook:${source.name}`
  const outcome = await registerOnce(
    deps.db,
    { source: origin, id, bodyHash: sha256(raw) },
    reading.kind === 'registration' ? reading.registration : null,
    { principal: origin, channel: origin, traceId: request.id },
    deps,
  )
  metrics.countWebhook(source.name, outcome.kind)
  const about = { source: source.name, delivery: id, outcome: outcome.kind, ...namedIn(reading) }
  if (outcome.kind === 'reused') request.log.warn(about, 'a webhook came again with another body')
  else request.log.info(about, 'a webhook was taken')
  return answer(reply, outcome)
}

function readOrCount(source: WebhookSource, raw: Buffer, metrics: Metrics): Reading {
  try {
    return source.read(parseJson(raw))
  } catch (error) {
    if (error instanceof InvalidInputError)
      metrics.countWebhook(source.name, 'invalid' satisfies WebhookOutcome)
    throw error
  }
}

function namedIn(reading: Reading): Record<string, unknown> {
  return reading.kind === 'registration'
    ? { model: reading.registration.name, version: reading.registration.version }
    : {}
}

function answer(reply: FastifyReply, outcome: OnceOutcome): FastifyReply {
  switch (outcome.kind) {
    case 'registered':
    case 'duplicate': {
      const { name, version, stage, state } = outcome
      return reply.code(200).send({ name, version, stage, state })
    }
    case 'ignored':
      return reply.code(200).send({ ignored: true })
    case 'conflict':
      return refuse(reply, 409, 'version_conflict', outcome.why)
    case 'reused':
      return refuse(
        reply,
        409,
        'delivery_reused',
        'A delivery with this id came before with another body; nothing was changed.',
      )
  }
}
