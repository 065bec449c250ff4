// The management of webhooks as MLflow has it; routes only hand over what they were given. Where it differs on
// purpose: an update without a status leaves the status as it is, and a test tells nothing of what a receiver said.
import { InvalidInputError, NotFoundError } from '../../errors.ts'
import { inTransaction } from '../../store/transaction.ts'
import {
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listWebhooks,
  updateWebhook,
  type Webhook,
  type WebhookSettings,
} from '../../store/webhooks.ts'
import { attemptOnce } from '../../webhooks/attempt.ts'
import { bodyOf } from '../../webhooks/body.ts'
import { type EventName, isOfMlflow } from '../../webhooks/events.ts'
import { exampleOf } from '../../webhooks/examples.ts'
import { refusalOf } from '../../webhooks/guard.ts'
import { openSecret, sealSecret } from '../../webhooks/secrets.ts'
import type { AppDeps } from '../deps.ts'
import { readEvent, readEvents, readName, readPageSize, readStatus } from './webhook-fields.ts'

/** What the calls need. */
export type WebhookDeps = Pick<AppDeps, 'db' | 'now' | 'newId' | 'outbound' | 'keys'>

/**
 * What somebody says of a webhook. In an update, what is absent is left as it is, and so is what is empty, but for the
 * description and the secret: an empty one takes it away.
 */
export type WebhookInput = {
  name?: string | undefined
  url?: string | undefined
  events?: unknown
  description?: string | undefined
  secret?: string | undefined
  status?: string | undefined
}

/**
 * Who reads the answer. MLflow's own client cannot read an event that MLflow does not have, and gives up on the whole
 * answer; it is shown the others.
 */
export type Reader = { isMlflowClient: boolean }

const idForm = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Makes a webhook; its name, URL and events must be there. */
export async function createWebhookCall(deps: WebhookDeps, input: WebhookInput, reader: Reader) {
  const id = deps.newId()
  const name = readName(input.name ?? '')
  const url = await readUrl(input.url ?? '', deps)
  const events = readEvents(input.events)
  const settings: WebhookSettings = {
    name,
    url,
    events,
    description: input.description || null,
    status: readStatus(input.status) ?? 'ACTIVE',
    secret: input.secret ? seal(input.secret, id, deps) : null,
  }
  const webhook = await inTransaction(deps.db, (trx) => insertWebhook(trx, id, settings, deps.now()))
  return { webhook: viewWebhook(webhook, reader) }
}

/** Changes what is given of a webhook. Throws NotFoundError. */
export async function updateWebhookCall(
  deps: WebhookDeps,
  given: string,
  input: WebhookInput,
  reader: Reader,
) {
  const { id } = await loadWebhook(deps, given)
  const { name, url, events, description, secret } = input
  const status = readStatus(input.status)
  const changes: Partial<WebhookSettings> = {
    ...(name && { name: readName(name) }),
    ...(url && { url: await readUrl(url, deps) }),
    ...(!isEmpty(events) && { events: readEvents(events) }),
    ...(description !== undefined && { description: description || null }),
    ...(secret !== undefined && { secret: secret ? seal(secret, id, deps) : null }),
    ...(status && { status }),
  }
  const webhook = await inTransaction(deps.db, (trx) => updateWebhook(trx, id, changes, deps.now()))
  if (webhook === undefined) throw notFound(id)
  return { webhook: viewWebhook(webhook, reader) }
}

/** Lists webhooks, newest first, a page at a time. */
export async function listWebhooksCall(
  deps: WebhookDeps,
  input: { max_results?: unknown; page_token?: string | undefined },
  reader: Reader,
) {
  const limit = readPageSize(input.max_results)
  const after = input.page_token || undefined
  if (after !== undefined && !idForm.test(after)) throw new InvalidInputError('Invalid page token.')
  const found = await listWebhooks(deps.db, { limit: limit + 1, after })
  const page = found.slice(0, limit)
  const last = found.length > limit ? page.at(-1) : undefined
  const webhooks = page
    .map((webhook) => viewWebhook(webhook, reader))
    .filter(({ events }) => events.length > 0)
  return {
    ...(webhooks.length > 0 && { webhooks }),
    ...(last !== undefined && { next_page_token: last.id }),
  }
}

/** Shows a webhook. Throws NotFoundError. */
export async function getWebhookCall(deps: WebhookDeps, id: string, reader: Reader) {
  return { webhook: viewWebhook(await loadWebhook(deps, id), reader) }
}

/** Deletes a webhook. Throws NotFoundError. */
export async function deleteWebhookCall(deps: WebhookDeps, id: string) {
  if (!idForm.test(id) || !(await deleteWebhook(deps.db, id, deps.now()))) throw notFound(id)
  return {}
}

/**
 * Sends an example of an event, by default the webhook's first, and tells whether it was taken. Whatever keeps an
 * answer from coming is told in the same words, so that nobody learns what is inside from it (R14). Throws
 * NotFoundError.
 */
export async function testWebhookCall(deps: WebhookDeps, given: string, event: unknown) {
  const { id, url, secret: sealed, events } = await loadWebhook(deps, given)
  const name = isEmpty(event) ? events[0] : readEvent(event)
  if (name === undefined) throw new Error('a webhook without events')
  const opened = sealed === null ? null : openSecret(deps.keys, sealed, id)
  if (opened?.kind === 'locked')
    return { result: { success: false, error_message: `Failed to test webhook: ${opened.why}.` } }
  const now = deps.now()
  const message = { id: deps.newId(), body: bodyOf(exampleOf(name), now), sequence: 1 }
  const secret = opened?.secret ?? null
  const attempted = await attemptOnce(
    { url, secret, message },
    deps.outbound,
    now,
    new AbortController().signal,
  )
  if (attempted.kind === 'failed')
    return {
      result: { success: false, error_message: 'Failed to test webhook: no answer came from its URL.' },
    }
  const { status } = attempted
  return { result: { success: status >= 200 && status <= 299, response_status: status } }
}

/** A webhook as MLflow shows it: never its secret. *Pure.* */
function viewWebhook(webhook: Webhook, { isMlflowClient }: Reader) {
  const shown = isMlflowClient ? webhook.events.filter(isOfMlflow) : webhook.events
  return {
    webhook_id: webhook.id,
    name: webhook.name,
    url: webhook.url,
    events: shown.map(upperCased),
    ...(webhook.description !== null && { description: webhook.description }),
    status: webhook.status,
    creation_timestamp: webhook.created_at.getTime(),
    last_updated_timestamp: webhook.updated_at.getTime(),
  }
}

function upperCased({ entity, action }: EventName): EventName {
  return { entity: entity.toUpperCase(), action: action.toUpperCase() }
}

async function loadWebhook({ db }: WebhookDeps, id: string): Promise<Webhook> {
  const webhook = idForm.test(id) ? await findWebhook(db, id) : undefined
  if (webhook === undefined) throw notFound(id)
  return webhook
}

async function readUrl(url: string, { outbound }: WebhookDeps): Promise<string> {
  const why = await refusalOf(url, outbound)
  if (why !== null) throw new InvalidInputError(why)
  return url
}

function seal(secret: string, id: string, { keys }: WebhookDeps): string {
  const sealed = sealSecret(keys, secret, id)
  if (sealed !== null) return sealed
  throw new InvalidInputError(
    'A webhook can have a secret only where GREENROOM_ENCRYPTION_KEY is set for the server and its workers: ' +
      'ask who runs it to set it (openssl rand -hex 32), or leave the secret out.',
  )
}

function isEmpty(given: unknown): boolean {
  return given === undefined || given === null || (Array.isArray(given) && given.length === 0)
}

function notFound(id: string): NotFoundError {
  return new NotFoundError(`Webhook with ID ${id.slice(0, 100)} not found.`)
}
