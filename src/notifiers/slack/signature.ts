import { createHmac, timingSafeEqual } from 'node:crypto'

/** The two headers of a request that Slack signed, as they came. */
export type SignatureHeaders = { timestamp: unknown; signature: unknown }

export type SignatureCheck = { kind: 'genuine' } | { kind: 'refused'; why: string }

/** How far a request's time may be from ours, in seconds, either way. */
const windowSeconds = 300

/**
 * Checks that Slack sent exactly these bytes, at most five minutes ago: `v0=` and the HMAC-SHA256 of
 * `v0:<seconds>:<body>` (https://docs.slack.dev/authentication/verifying-requests-from-slack). Takes the same time
 * for every wrong signature. *Pure.*
 */
export function checkSignature(
  secret: string,
  body: Buffer,
  { timestamp, signature }: SignatureHeaders,
  now: Date,
): SignatureCheck {
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp))
    return { kind: 'refused', why: 'X-Slack-Request-Timestamp is missing or malformed' }
  if (typeof signature !== 'string' || !/^v0=[0-9a-f]{64}$/.test(signature))
    return { kind: 'refused', why: 'X-Slack-Signature is missing or malformed' }
  const wanted = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest()
  if (!timingSafeEqual(wanted, Buffer.from(signature.slice(3), 'hex')))
    return { kind: 'refused', why: 'the signature does not fit the body' }
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > windowSeconds)
    return { kind: 'refused', why: 'the request is older than five minutes, or the clocks disagree' }
  return { kind: 'genuine' }
}
