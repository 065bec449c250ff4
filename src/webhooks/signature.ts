import { createHmac } from 'node:crypto'

/**
 * What is sent, and under which name: the same in every attempt (V14). `sequence` is where it stands in the history
 * of its model, for receivers that must know what came first.
 */
export type Message = { id: string; body: string; sequence: number }

/**
 * The headers that say which delivery this is, signed with the secret when there is one: the base64 of the
 * HMAC-SHA256 of `<id>.<seconds>.<body>` under the secret as UTF-8, as MLflow signs. *Pure.*
 *
 * MLflow signs once. Here every attempt is signed anew with the time it is made at, for attempts go on for days and
 * receivers refuse a time that is minutes old.
 */
export function signedHeaders(
  { id, body, sequence }: Message,
  secret: string | null,
  now: Date,
): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const headers = {
    'Content-Type': 'application/json',
    'X-MLflow-Delivery-Id': id,
    'X-MLflow-Timestamp': timestamp,
    'X-Greenroom-Sequence': String(sequence),
  }
  if (secret === null) return headers
  const mac = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { ...headers, 'X-MLflow-Signature': `v1,${mac}` }
}
