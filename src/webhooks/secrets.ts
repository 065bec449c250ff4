// Secrets at rest. A sealed secret is `v1.<key id>.<nonce>.<ciphertext and tag>`, each part after the first two in
// base64url: AES-256-GCM, bound to what it belongs to, so that it is of no use in another row.
import { createCipheriv, createDecipheriv, createHash, type KeyObject, randomBytes } from 'node:crypto'

/** Keys of 32 bytes: the first seals, all of them open, so that one can replace another. */
export type KeyRing = readonly KeyObject[]

/** What a sealed secret says, or why it cannot be read. */
export type Opened = { kind: 'opened'; secret: string } | { kind: 'locked'; why: string }

const nonceBytes = 12
const tagBytes = 16

/** Seals a secret for what `owner` names; null when there is no key to seal it with. */
export function sealSecret(keys: KeyRing, secret: string, owner: string): string | null {
  const [key] = keys
  if (key === undefined) return null
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(owner))
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return ['v1', idOf(key), nonce.toString('base64url'), sealed.toString('base64url')].join('.')
}

/** Opens what was sealed for the same owner under any of the keys. *Pure.* */
export function openSecret(keys: KeyRing, text: string, owner: string): Opened {
  const [form, id, nonce = '', sealed = ''] = text.split('.')
  const key = keys.find((one) => idOf(one) === id)
  if (form !== 'v1' || key === undefined)
    return { kind: 'locked', why: 'GREENROOM_ENCRYPTION_KEY lacks the key that the secret was stored with' }
  const bytes = Buffer.from(sealed, 'base64url')
  const options = { authTagLength: tagBytes }
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), options)
      .setAAD(Buffer.from(owner))
      .setAuthTag(bytes.subarray(-tagBytes))
    const secret = Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()])
    return { kind: 'opened', secret: secret.toString('utf8') }
  } catch {
    return { kind: 'locked', why: 'the stored secret was changed and cannot be read; set it anew' }
  }
}

/** What was sealed for the same owner, under the first key; null when it is so already, or cannot be read. */
export function resealSecret(keys: KeyRing, text: string, owner: string): string | null {
  const [key] = keys
  if (key === undefined || text.split('.')[1] === idOf(key)) return null
  const opened = openSecret(keys, text, owner)
  return opened.kind === 'opened' ? sealSecret(keys, opened.secret, owner) : null
}

// Says which key it was and nothing about it.
function idOf(key: KeyObject): string {
  return createHash('sha256').update(key.export()).digest('hex').slice(0, 8)
}
