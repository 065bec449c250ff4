// What may be said of a webhook, refused in MLflow's words where it has them. All of it is pure.
import { InvalidInputError } from '../../errors.ts'
import type { WebhookStatus } from '../../store/schema.ts'
import { type EventName, entities, listActions } from '../../webhooks/events.ts'

/** How long texts may be, in characters: what MLflow's own columns hold. */
export const longest = { description: 1_000, secret: 1_000 }

const statuses = ['ACTIVE', 'DISABLED'] as const satisfies WebhookStatus[]
const defaultPage = 100
const largestPage = 1_000

/** A name, given back when a webhook may have it. */
export function readName(name: string): string {
  if (/^(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(name)) return name
  throw new InvalidInputError(
    `Webhook name '${name.slice(0, 100)}' is invalid. It must start and end with a letter or digit, ` +
      'be less than 63 characters long, and contain only letters, digits, dots (.), ' +
      'underscores (_), and hyphens (-).',
  )
}

/** A status; undefined for none. MLflow takes an unknown one for ACTIVE. */
export function readStatus(status: string | undefined): WebhookStatus | undefined {
  const known = statuses.find((one) => one === status)
  if (known !== undefined || !status) return known
  throw new InvalidInputError(
    `Invalid webhook status '${status.slice(0, 100)}'. Valid statuses are: ${statuses.join(', ')}.`,
  )
}

/** Events as deliveries spell them, from a list in upper case. None stands in it twice, and one at least does. */
export function readEvents(given: unknown): EventName[] {
  if (!Array.isArray(given) || given.length === 0)
    throw new InvalidInputError('Webhook events must be a non-empty list of WebhookEvent objects.')
  // More than there are is too many, whatever they are.
  const events = given.slice(0, 100).map(readEvent)
  const names = events.map(({ entity, action }) => `${entity}.${action}`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return events
  throw new InvalidInputError(`The event '${twice}' stands twice in the list; name it once.`)
}

/** One event as deliveries spell it, from one in upper case. */
export function readEvent(given: unknown): EventName {
  const { entity: givenEntity, action: givenAction } = Object(given) as Record<string, unknown>
  const entity = lowerCased(givenEntity, 'entity')
  const actions = listActions(entity)
  if (actions === undefined)
    throw new InvalidInputError(`Invalid entity '${entity}'. Valid entities are: ${listed(entities)}`)
  const action = lowerCased(givenAction, 'action')
  if (actions.includes(action)) return { entity, action }
  throw new InvalidInputError(
    `Invalid action '${action}' for entity '${entity}'. Valid actions are: ${listed(actions)}`,
  )
}

/** How many webhooks to list: what a query says, in which 0 says nothing. */
export function readPageSize(given: unknown): number {
  const size = Number(given ?? 0)
  if (size === 0) return defaultPage
  if (Number.isInteger(size) && size >= 1 && size <= largestPage) return size
  throw new InvalidInputError(`max_results must be between 1 and ${largestPage}.`)
}

function lowerCased(given: unknown, what: 'entity' | 'action'): string {
  if (typeof given !== 'string' || given === '')
    throw new InvalidInputError(
      `A webhook event needs an entity and an action, each a text; the ${what} is none.`,
    )
  const text = given.slice(0, 100)
  if (text === text.toUpperCase()) return text.toLowerCase()
  throw new InvalidInputError(
    `Invalid ${what} '${text}': it is written in upper case, as '${text.toUpperCase()}'.`,
  )
}

// As Python writes a list of texts.
function listed(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(', ')}]`
}
