import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { Agent } from 'undici'

/** A registration with its headers, signed and ready to be sent. */
export type Delivery = { body: string; headers: Record<string, string> }

/** Sends signed registrations over kept connections, as cheaply as it can: it shares the machine with what it times. */
export type Sender = {
  /** For `REGISTRATION_WEBHOOK_SECRET`. */
  secret: string
  /** A registration of the next version of a model; good for five minutes. */
  sign(model: string): Delivery
  /** Sends it; the version that came of it. Rejects when the answer is not 200. */
  send(url: string, delivery: Delivery): Promise<{ version: number }>
  close(): Promise<void>
}

/** Opens a sender with a secret of its own. */
export function openSender(connections: number): Sender {
  const key = randomBytes(32)
  const agent = new Agent({ connections })
  return {
    secret: `whsec_${key.toString('base64')}`,
    sign: (model) => sign(key, model),
    send: (url, delivery) => send(agent, url, delivery),
    close: () => agent.close(),
  }
}

function sign(key: Buffer, model: string): Delivery {
  const now = new Date()
  const body = JSON.stringify({
    type: 'model_version.registered',
    timestamp: now.toISOString(),
    data: { name: model, source: `s3://models/${model}`, metrics: { score: 0.9 }, author: 'carol' },
  })
  const id = `msg_${randomUUID()}`
  const timestamp = `${Math.floor(now.getTime() / 1_000)}`
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  }
  return { body, headers }
}

async function send(agent: Agent, url: string, { body, headers }: Delivery): Promise<{ version: number }> {
  const answer = await agent.request({
    origin: url,
    path: '/webhooks/registrations',
    method: 'POST',
    headers,
    body,
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 200)
    throw new Error(`a registration was answered with ${answer.statusCode}: ${text}`)
  return JSON.parse(text) as { version: number }
}
