// Reading JSON from somebody who may mean harm (R22, R25, R33): bounded in depth and keys, valid UTF-8, no key that
// reaches a prototype, no key twice, no text that cannot be stored. What passes is plain data.
import { InvalidInputError } from '../errors.ts'
import { isStorable } from './text.ts'

/** The largest body that is read, in bytes. */
export const maxBodyBytes = 1024 * 1024
const maxDepth = 64
const maxKeys = 10_000
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/** Parses a body; throws InvalidInputError with a code of its own for each way in which it may be bad. *Pure.* */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  try {
    refuseTraps(text)
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new InvalidInputError('The body is not valid JSON.', 'invalid_json')
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new InvalidInputError('The body is not valid UTF-8.', 'invalid_utf8')
  }
}

/** One pass over the text, without recursion, before the parser sees it. Text that is not JSON is left to the parser. */
function refuseTraps(text: string): void {
  // For every bracket that is open: the keys seen in that object; arrays have none.
  const open: Set<string>[] = []
  let keys = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      if (open.push(new Set()) > maxDepth)
        throw new InvalidInputError(`The body is nested more than ${maxDepth} levels deep.`, 'too_deep')
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, at)
      const string = decodeString(text.slice(at, end + 1))
      if (isKey(text, end)) {
        if (++keys > maxKeys)
          throw new InvalidInputError(`The body has more than ${maxKeys} keys.`, 'too_many_keys')
        refuseKey(string, open.at(-1))
      }
      at = end
    }
  }
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}

function decodeString(raw: string): string {
  const string = raw.includes('\\') ? String(JSON.parse(raw)) : raw.slice(1, -1)
  if (!isStorable(string))
    throw new InvalidInputError('The body has a NUL or half of a surrogate pair in a text.', 'invalid_text')
  return string
}

function isKey(text: string, end: number): boolean {
  let at = end + 1
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return text[at] === ':'
}

function refuseKey(key: string, seen: Set<string> | undefined): void {
  if (forbiddenKeys.has(key))
    throw new InvalidInputError(`The key "${key}" is not accepted.`, 'forbidden_key')
  if (seen?.has(key))
    throw new InvalidInputError(`The key "${key.slice(0, 100)}" stands twice in one object.`, 'duplicate_key')
  seen?.add(key)
}
