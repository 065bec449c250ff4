import { createHmac, randomUUID } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import { mlflowSecret, registrationKey } from './app-fixture.ts'

/** What a test changes of an ordinary, rightly signed delivery. */
export type DeliveryChanges = {
  id?: string
  at?: Date
  key?: string | Buffer
  headers?: Record<string, string>
}

/** A request to inject. */
export type Delivery = InjectOptions & { headers: Record<string, string> }

/** A request of `POST /webhooks/registrations`, signed as Standard Webhooks say. */
export function registrationDelivery(body: string | Buffer, changes: DeliveryChanges = {}): Delivery {
  const { id = `msg_${randomUUID()}`, at = new Date(), key = registrationKey, headers } = changes
  const timestamp = secondsOf(at)
  return {
    method: 'POST',
    url: '/webhooks/registrations',
    payload: body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': sign(key, id, timestamp, body),
      ...headers,
    },
  }
}

/** A request of `POST /webhooks/mlflow`, signed as MLflow does. */
export function mlflowDelivery(body: string | Buffer, changes: DeliveryChanges = {}): Delivery {
  const { id = randomUUID(), at = new Date(), key = mlflowSecret, headers } = changes
  const timestamp = secondsOf(at)
  return {
    method: 'POST',
    url: '/webhooks/mlflow',
    payload: body,
    headers: {
      'content-type': 'application/json',
      'x-mlflow-delivery-id': id,
      'x-mlflow-timestamp': timestamp,
      'x-mlflow-signature': sign(key, id, timestamp, body),
      ...headers,
    },
  }
}

/** The body of a registration, as our own webhook takes it. */
export function registrationBody(data: Record<string, unknown> = {}): string {
  return JSON.stringify({
    type: 'model_version.registered',
    timestamp: '2026-11-23T02:12:34.415374+00:00',
    data: { name: 'sales', source: 'file:///models/sales', metrics: { score: 1 }, ...data },
  })
}

/** The body of MLflow's `model_version.created`. */
export function mlflowBody(data: Record<string, unknown> = {}): string {
  return JSON.stringify({
    entity: 'model_version',
    action: 'created',
    timestamp: '2026-11-23T02:12:34.415374+00:00',
    data: {
      name: 'sales',
      version: '1',
      source: 'models:/m-1',
      run_id: null,
      tags: { 'mlflow.user': 'carol' },
      description: null,
      ...data,
    },
  })
}

function sign(key: string | Buffer, id: string, timestamp: string, body: string | Buffer): string {
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body)
  return `v1,${mac.digest('base64')}`
}

function secondsOf(at: Date): string {
  return String(Math.floor(at.getTime() / 1000))
}
