import { z } from 'zod'
import { NotFoundError } from '../../errors.ts'
import { inTransaction } from '../../store/transaction.ts'
import { listDeliveries, replayDelivery } from '../../store/webhook-deliveries.ts'
import { hasWebhook } from '../../store/webhooks.ts'
import { callerOf } from '../access.ts'
import type { App, AppDeps } from '../deps.ts'
import { refuse } from '../errors.ts'
import { optionalBody, wholeNumberInUrl } from '../text.ts'
import * as shape from './schemas.ts'
import { viewDelivery } from './views.ts'

const tags = ['Webhooks']

/** Adds the routes that show what was delivered to a webhook, and deliver it once more. */
export function webhookDeliveryRoutes(app: App, deps: AppDeps): void {
  app.get(
    '/webhooks/:id/deliveries',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'List what was, is being and could not be delivered to a webhook, newest first',
        description: 'Also of a webhook that is deleted. What was delivered is forgotten after 30 days.',
        params: z.strictObject({ id: z.guid().describe('Id of a webhook.') }),
        querystring: z.strictObject({
          status: shape.deliveryStatuses.optional().describe('Only deliveries that stand so.'),
          before: z.guid().optional().describe('Only deliveries older than the one with this id.'),
          limit: wholeNumberInUrl(1, 200).default(50).describe('How many at most.'),
        }),
        response: { 200: shape.deliveryList, ...shape.errors },
      },
    },
    async ({ params, query }) => {
      if (!(await hasWebhook(deps.db, params.id)))
        throw new NotFoundError('There is no webhook with this id.')
      const { limit, ...filter } = query
      const found = await listDeliveries(deps.db, params.id, { ...filter, limit: limit + 1 })
      const page = found.slice(0, limit)
      const next = found.length > limit ? (page.at(-1)?.id ?? null) : null
      return { deliveries: page.map(viewDelivery), next_before: next }
    },
  )

  app.post(
    '/webhooks/deliveries/:id/replay',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Deliver once more what was delivered or given up on',
        description: 'Under the id and with the body that it had; for three days again, if it must be.',
        params: z.strictObject({ id: z.guid().describe('Id of a delivery.') }),
        querystring: z.strictObject({}),
        body: optionalBody({}),
        response: { 202: z.object({ id: z.string(), status: shape.deliveryStatuses }), ...shape.errors },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const command = { id: deps.newId(), traceId: request.id }
      const replay = await inTransaction(deps.db, (trx) => replayDelivery(trx, id, command))
      switch (replay) {
        case 'missing':
          throw new NotFoundError('There is no delivery with this id.')
        case 'underWay':
          return refuse(
            reply,
            409,
            'delivery_pending',
            'This delivery has not ended; it is still being tried.',
          )
        case 'unwanted':
          return refuse(
            reply,
            409,
            'webhook_inactive',
            'The webhook of this delivery is disabled or deleted; enable it first.',
          )
        case 'replayed':
          request.log.info(
            { delivery: id, principal: callerOf(request).name },
            'a delivery is made once more',
          )
          return reply.code(202).send({ id, status: 'pending' as const })
      }
    },
  )
}
