import type { Registration } from '../../lifecycle.ts'

/** What a payload asks for. */
export type Reading =
  | { kind: 'registration'; registration: Registration }
  /** An event that registers nothing. */
  | { kind: 'ignored' }

/** A kind of peer that delivers webhooks: how it signs, and what its payloads mean. */
export type WebhookSource = {
  /** Ends the route's path and begins its deliveries' keys. */
  name: string
  /** Keys of which one must fit; none turns the route off. */
  keys: readonly (string | Buffer)[]
  /** Names of the headers, in lower case. */
  headers: { id: string; timestamp: string; signatures: string }
  /** Reads a parsed payload. Throws InvalidInputError that names the fields at fault. */
  read(payload: unknown): Reading
}
