// Tokens as people hold them: `gr_<id>_<secret>`. The id is public and finds the row; only a hash of the
// whole text is stored, so that a copy of the database lets nobody in (R4).
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

const grammar = /^gr_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/
/** A token that was not made here must be at least this long to be hard to guess. */
export const minForeignTokenLength = 32

/** A fresh token with 256 bits of secret, shown to its holder once. */
export function makeToken(): { id: string; token: string } {
  const id = randomBytes(6).toString('hex')
  return { id, token: `gr_${id}_${randomBytes(32).toString('base64url')}` }
}

/** A fresh secret for a browser session's cookie. */
export function makeSessionSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Tells whether a cookie can be a session's secret, before anything is looked up. *Pure.* */
export function isSessionSecret(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text)
}

/** The id under which a token is stored, or null when the text cannot be a token. *Pure.* */
export function tokenIdOf(token: string): string | null {
  const own = grammar.exec(token)?.[1]
  if (own !== undefined) return own
  // The operator's own choice of a first token; its id must not tell more than its hash does.
  return token.length >= minForeignTokenLength && token.length <= 512
    ? `set_${hashSecret(token).slice(0, 12)}`
    : null
}

/** SHA-256 as hex. Enough for secrets of 256 random bits. *Pure.* */
export function hashSecret(secret: string): string {
  return hash('sha256', secret)
}

/** Compares a secret with a stored hash in constant time. *Pure.* */
export function matchesHash(secret: string, storedHash: string): boolean {
  const [given, stored] = [Buffer.from(hashSecret(secret)), Buffer.from(storedHash)]
  return given.length === stored.length && timingSafeEqual(given, stored)
}
