import { z } from 'zod'
import { parseInput } from '../errors.ts'
import { registrationFields, registrationOf } from '../registration-fields.ts'
import { modelName, text } from '../text.ts'
import type { WebhookSource } from './source.ts'

const envelope = z.looseObject({ type: text(100) })

const registered = z.strictObject({
  type: z.literal('model_version.registered'),
  timestamp: z.iso.datetime({ offset: true }),
  data: z.strictObject({ name: modelName, ...registrationFields }),
})

/** Registrations in the form of Standard Webhooks, with all that is known of the version in the payload. */
export function registrationsSource(secrets: readonly Buffer[]): WebhookSource {
  return {
    name: 'registrations',
    keys: secrets,
    headers: { id: 'webhook-id', timestamp: 'webhook-timestamp', signatures: 'webhook-signature' },
    read: (payload) => {
      if (parseInput(envelope, payload).type !== 'model_version.registered') return { kind: 'ignored' }
      const { name, ...given } = parseInput(registered, payload).data
      return { kind: 'registration', registration: registrationOf(name, given) }
    },
  }
}
