import { createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { openSecret, resealSecret, sealSecret } from '../../src/webhooks/secrets.ts'

const [oldKey, newKey] = [1, 2].map((byte) => createSecretKey(Buffer.alloc(32, byte))) as [
  ReturnType<typeof createSecretKey>,
  ReturnType<typeof createSecretKey>,
]
const secret = 'canary ü 😀'
const seal = (keys = [oldKey], owner = 'webhook-1') => sealSecret(keys, secret, owner) ?? ''

test('a sealed secret opens, and shows nothing of itself', () => {
  const sealed = seal()
  expect(openSecret([oldKey], sealed, 'webhook-1')).toEqual({ kind: 'opened', secret })
  for (const form of [sealed, ...sealed.split('.').map((part) => Buffer.from(part, 'base64url').toString())])
    expect(form).not.toContain('canary')
})

test('the same secret is sealed differently each time', () => {
  expect(seal()).not.toBe(seal())
})

test('without a key nothing is sealed', () => {
  expect(sealSecret([], secret, 'webhook-1')).toBeNull()
})

test('a new key seals, while the old one still opens what it sealed', () => {
  const keys = [newKey, oldKey]
  expect(openSecret(keys, seal([oldKey]), 'webhook-1').kind).toBe('opened')
  expect(openSecret([newKey], seal(keys), 'webhook-1').kind).toBe('opened')
})

test('what an old key sealed is sealed anew with the first one, and is still its owner’s alone', () => {
  const anew = resealSecret([newKey, oldKey], seal([oldKey]), 'webhook-1') ?? ''
  expect(openSecret([newKey], anew, 'webhook-1')).toEqual({ kind: 'opened', secret })
  expect(openSecret([newKey], anew, 'webhook-2').kind).toBe('locked')
})

test.each([
  ['the first key has sealed already', () => resealSecret([newKey, oldKey], seal([newKey]), 'webhook-1')],
  ['no key opens', () => resealSecret([newKey], seal([oldKey]), 'webhook-1')],
  ['is another owner’s', () => resealSecret([newKey, oldKey], seal([oldKey]), 'webhook-2')],
  ['is there while there is no key', () => resealSecret([], seal(), 'webhook-1')],
])('what %s is left as it is', (_, reseal) => {
  expect(reseal()).toBeNull()
})

test.each([
  ['another key', () => openSecret([newKey], seal(), 'webhook-1'), /lacks the key/],
  ['no key', () => openSecret([], seal(), 'webhook-1'), /lacks the key/],
  ['another owner', () => openSecret([oldKey], seal(), 'webhook-2'), /was changed/],
  ['a changed byte', () => openSecret([oldKey], flipLast(seal()), 'webhook-1'), /was changed/],
  ['half of it', () => openSecret([oldKey], seal().slice(0, 40), 'webhook-1'), /was changed/],
  ['something else', () => openSecret([oldKey], 'plain text', 'webhook-1'), /lacks the key/],
])('does not open with %s', (_, open, why) => {
  expect(open()).toEqual({ kind: 'locked', why: expect.stringMatching(why) })
})

function flipLast(sealed: string): string {
  const [form, id, nonce, text = ''] = sealed.split('.')
  const bytes = Buffer.from(text, 'base64url')
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return [form, id, nonce, bytes.toString('base64url')].join('.')
}
