import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../src/errors.ts'
import { parseJson } from '../../src/http/json.ts'

const parse = (text: string) => parseJson(Buffer.from(text))

function codeOf(bytes: Uint8Array | string): string {
  try {
    parseJson(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    return 'accepted'
  } catch (error) {
    if (error instanceof InvalidInputError) return error.code
    throw error
  }
}

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

describe('what is refused', () => {
  test.each([
    ['nothing', '', 'invalid_json'],
    ['half an object', '{"a":', 'invalid_json'],
    ['an unterminated text', '{"a":"b', 'invalid_json'],
    ['a text that ends in a backslash', '"\\', 'invalid_json'],
    ['two values', '{}{}', 'invalid_json'],
    ['NaN', '{"a":NaN}', 'invalid_json'],
    ['a comment', '{}//', 'invalid_json'],
    ['a bad escape', '"\\x"', 'invalid_json'],
    ['a raw control character', '"a\u0001"', 'invalid_json'],
    ['65 levels', nested(65), 'too_deep'],
    ['100,000 levels', nested(100_000), 'too_deep'],
    ['100,000 levels that never close', '{"a":'.repeat(100_000), 'too_deep'],
    ['__proto__', '{"a":{"__proto__":{"admin":true}}}', 'forbidden_key'],
    ['__proto__ with escapes', '{"\\u005f_proto__":1}', 'forbidden_key'],
    ['__proto__ before spaces', '{"__proto__" \n\t :1}', 'forbidden_key'],
    ['constructor', '{"constructor":{"prototype":{}}}', 'forbidden_key'],
    ['a key twice', '{"a":1,"b":2,"a":3}', 'duplicate_key'],
    ['a key twice, once with escapes', '{"a":1,"\\u0061":2}', 'duplicate_key'],
    ['a NUL as an escape', '{"a":"\\u0000"}', 'invalid_text'],
    ['a NUL in a key', '{"\\u0000":1}', 'invalid_text'],
    ['half a surrogate pair', '"\\ud800"', 'invalid_text'],
    ['10,001 keys', `{${Array.from({ length: 10_001 }, (_, i) => `"${i}":1`).join()}}`, 'too_many_keys'],
  ])('%s', (_, text, code) => {
    expect(codeOf(text)).toBe(code)
  })

  test.each([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a sequence cut short', [0x22, 0xe2, 0x82]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('bytes that are not UTF-8: %s', (_, bytes) => {
    expect(codeOf(Uint8Array.from(bytes))).toBe('invalid_utf8')
  })
})

describe('what is accepted', () => {
  test('the same key in different objects, and keys as values', () => {
    const text = '[{"a":1},{"a":{"a":"__proto__"}},["constructor","a","a"]]'
    expect(parse(text)).toEqual(JSON.parse(text))
  })

  test('64 levels, 10,000 keys, surrogate pairs and brackets inside texts', () => {
    expect(codeOf(nested(64))).toBe('accepted')
    expect(codeOf(`{${Array.from({ length: 10_000 }, (_, i) => `"${i}":1`).join()}}`)).toBe('accepted')
    expect(parse('"\\ud83d\\ude00"')).toBe('😀')
    expect(parse(`"${'['.repeat(1_000)}"`)).toBe('['.repeat(1_000))
  })

  test('gives what JSON.parse gives, for anything that JSON can say within the bounds', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        const code = codeOf(text)
        if (code === 'accepted') expect(parse(text)).toEqual(JSON.parse(text))
        else expect(['forbidden_key', 'invalid_text', 'duplicate_key']).toContain(code)
      }),
    )
  })

  test('one megabyte of anything is decided within a second', () => {
    const size = 1024 * 1024
    const bodies = [
      ' '.repeat(size),
      '"'.repeat(size),
      '\\"'.repeat(size / 2),
      '"a" '.repeat(size / 4),
      `"${'\\\\'.repeat(size / 2)}"`,
      '[1,'.repeat(size / 3),
      `"a"${' '.repeat(size)}`,
    ]
    for (const body of bodies) {
      const start = performance.now()
      codeOf(body)
      expect(performance.now() - start).toBeLessThan(1_000)
    }
  })
})

test('never throws anything but InvalidInputError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void codeOf(bytes)),
    { numRuns: 2_000 },
  )
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    '\\',
    ':',
    ',',
    'a',
    '\\u0000',
    '\\ud800',
    ' ',
    '1',
    '__proto__',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => void codeOf(parts.join(''))),
    { numRuns: 5_000 },
  )
})
