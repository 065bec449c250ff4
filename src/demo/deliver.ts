import { createHmac, randomUUID } from 'node:crypto'

/** A registration as `POST /webhooks/registrations` takes it. */
export type RegistrationEvent = {
  type: 'model_version.registered'
  timestamp: string
  data: Record<string, unknown>
}

/**
 * Sends a registration the way a training pipeline would: signed as Standard Webhooks ask, over the very bytes.
 * Gives the answer's status, its body and how long it took in milliseconds.
 */
export async function deliver(
  url: string,
  secret: string,
  event: RegistrationEvent,
): Promise<{ status: number; body: unknown; ms: number }> {
  const body = JSON.stringify(event)
  const id = `msg_${randomUUID()}`
  const timestamp = Math.floor(Date.now() / 1_000).toString()
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  const started = performance.now()
  const response = await fetch(`${url}/webhooks/registrations`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    },
    body,
  })
  return { status: response.status, body: await response.json(), ms: performance.now() - started }
}
