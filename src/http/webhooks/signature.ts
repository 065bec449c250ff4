// Signatures of inbound webhooks. Both schemes sign `<id>.<timestamp>.<raw body>` with HMAC-SHA256 and write
// `v1,<base64>`; they differ in header names and in how the key is written. Nothing else is accepted (R7, R8).
import { createHmac, timingSafeEqual } from 'node:crypto'

/** What the headers of a delivery say, each as it was sent. */
export type SignedHeaders = { id: unknown; timestamp: unknown; signatures: unknown }

const toleranceSeconds = 300
// A sender has one signature per key that it is rotating.
const maxSignatures = 8

/**
 * The id of a delivery whose signature fits one of the keys and whose time is within five minutes of `now`; null
 * for anything else. *Pure.* The id has no dot, so that no two deliveries sign the same text.
 */
export function verifyDelivery(
  headers: SignedHeaders,
  rawBody: Uint8Array,
  keys: readonly (string | Buffer)[],
  now: Date,
): string | null {
  const { id, timestamp } = headers
  if (typeof id !== 'string' || !/^[\w-]{1,128}$/.test(id)) return null
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) return null
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > toleranceSeconds) return null
  const given = signaturesIn(headers.signatures)
  const fits = keys.map((key) => {
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest()
    return given.some((signature) => timingSafeEqual(signature, expected))
  })
  return fits.includes(true) ? id : null
}

/** Signatures of the length of an HMAC-SHA256, which is what the comparison needs (R6). */
function signaturesIn(header: unknown): Buffer[] {
  if (typeof header !== 'string') return []
  return header
    .split(' ', maxSignatures)
    .flatMap((part) => /^v1,([A-Za-z0-9+/]{43}=)$/.exec(part)?.[1] ?? [])
    .map((base64) => Buffer.from(base64, 'base64'))
}
