import type { FastifyRequest } from 'fastify'
import { NotFoundError } from '../../errors.ts'
import { refuse } from '../errors.ts'
import { type Call, type EndpointsOf, endpoint } from './endpoint.ts'
import { neededText, raw, shortText, text } from './fields.ts'
import {
  createWebhookCall,
  deleteWebhookCall,
  getWebhookCall,
  listWebhooksCall,
  type Reader,
  testWebhookCall,
  updateWebhookCall,
} from './webhook-calls.ts'
import { longest } from './webhook-fields.ts'

const path = '/webhooks'
const onePath = `${path}/:id`
// Their URLs may hold what lets somebody in elsewhere, so reading is for admins too.
const access = 'admin'
const settings = {
  description: shortText(longest.description),
  secret: shortText(longest.secret),
  status: text,
  events: raw,
}

/** The endpoints that manage webhooks. */
export const webhooks: EndpointsOf = (deps) => [
  endpoint({
    method: 'POST',
    path,
    access,
    fields: { name: neededText, url: neededText, ...settings },
    answer: async (input, { request, by }) => {
      const made = await createWebhookCall(deps, input, readerOf(request))
      request.log.info({ webhook: made.webhook.webhook_id, principal: by.principal }, 'a webhook was made')
      return made
    },
  }),
  endpoint({
    method: 'GET',
    path,
    access,
    fields: { max_results: raw, page_token: text },
    answer: (input, { request }) => listWebhooksCall(deps, input, readerOf(request)),
  }),
  endpoint({
    method: 'GET',
    path: onePath,
    access,
    fields: {},
    answer: ofOne((id, _, { request }) => getWebhookCall(deps, id, readerOf(request))),
  }),
  endpoint({
    method: 'PATCH',
    path: onePath,
    access,
    fields: { name: text, url: text, ...settings },
    answer: ofOne(async (id, input, { request, by }) => {
      const changed = await updateWebhookCall(deps, id, input, readerOf(request))
      request.log.info(
        { webhook: changed.webhook.webhook_id, principal: by.principal },
        'a webhook was changed',
      )
      return changed
    }),
  }),
  endpoint({
    method: 'DELETE',
    path: onePath,
    access,
    fields: {},
    answer: ofOne(async (id, _, { request, by }) => {
      await deleteWebhookCall(deps, id)
      request.log.info({ webhook: id, principal: by.principal }, 'a webhook was deleted')
    }),
  }),
  endpoint({
    method: 'POST',
    path: `${onePath}/test`,
    access,
    fields: { event: raw },
    answer: ofOne((id, { event }) => testWebhookCall(deps, id, event)),
  }),
]

/** An answer about the webhook in the path, or that there is none. */
function ofOne<I>(answer: (id: string, input: I, call: Call) => Promise<unknown>) {
  return async (input: I, call: Call): Promise<unknown> => {
    try {
      return await answer((call.request.params as { id: string }).id, input, call)
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      return refuse(call.reply, 404, 'RESOURCE_DOES_NOT_EXIST', error.message)
    }
  }
}

function readerOf({ headers }: FastifyRequest): Reader {
  return { isMlflowClient: headers['user-agent']?.startsWith('mlflow-python-client/') ?? false }
}
