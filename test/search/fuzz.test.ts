// Whatever comes as a search is understood or refused, in no time (R26).
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readModelSearch, readVersionSearch, type SearchRequest } from '../../src/search/search.ts'
import { SearchSyntaxError } from '../../src/search/syntax-error.ts'
import { tokenize } from '../../src/search/tokens.ts'

const readers = [readModelSearch, readVersionSearch]
const maxMs = 50

const pieces = [
  ...[
    ' ',
    '\n',
    'AND',
    'and ',
    ' OR ',
    'NOT ',
    'IN',
    ' IN (',
    ' LIKE ',
    ' ilike',
    'name',
    'run_id',
    'tags.',
    'attribute.',
  ],
  ...[
    'version_number',
    '.',
    "'",
    '"',
    '`',
    '(',
    ')',
    ',',
    ';',
    '=',
    '!=',
    '<',
    '>=',
    '<>',
    '!',
    '1',
    '-',
    '1e9',
    '.5',
  ],
  ...[
    "'a'",
    '"b"',
    '`k`',
    "tags.`k` = 'v'",
    "name = 'a' ",
    "run_id IN ('a','b')",
    '\\',
    '%',
    '_',
    '\0',
    '\ud800',
    '😀',
  ],
]
const soup = fc
  .array(fc.constantFrom(...pieces), { maxLength: 60, size: 'max' })
  .map((parts) => parts.join(''))
const anything = fc.oneof(soup, fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 300 }))

/** Whether it was understood; throws what is no refusal. */
function isUnderstood(read: (request: SearchRequest) => unknown, request: SearchRequest): boolean {
  try {
    read(request)
    return true
  } catch (error) {
    if (!(error instanceof SearchSyntaxError)) throw error
    expect(error.message.length).toBeLessThan(50_000)
    return false
  }
}

/** The shortest of a few tries, in this thread's own processor time, so that a busy machine is no fault. */
function shortestMs(run: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage()
    run()
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1_000
  })
  return Math.min(...times)
}

test('a filter, an order, a token and a size of any kind are understood or refused', () => {
  let understood = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...readers),
      anything,
      fc.oneof(fc.constant([]), fc.array(anything, { maxLength: 3 })),
      fc.oneof(fc.constant(undefined), anything),
      fc.oneof(fc.constant(undefined), fc.jsonValue(), fc.double(), fc.bigInt().map(String)),
      (read, filter, orderBy, pageToken, maxResults) => {
        for (const request of [{ filter }, { orderBy }, { pageToken }, { maxResults }])
          if (isUnderstood(read, request)) understood += 1
      },
    ),
    { numRuns: 4_000 },
  )
  expect(understood).toBeGreaterThan(4_000)
})

test('every character of a filter but space is in a token, and in one only', () => {
  fc.assert(
    fc.property(anything, (source) => {
      let end = 0
      for (const token of tokenize(source)) {
        expect(source.slice(end, token.start).trim()).toBe('')
        expect(source.slice(token.start, token.end)).toBe(token.text)
        expect(token.end).toBeGreaterThan(token.start)
        end = token.end
      }
      expect(source.slice(end).trim()).toBe('')
    }),
    { numRuns: 4_000 },
  )
})

// Each is repeated to fill a filter: what is never closed, nested, doubled, or looks like the start of something.
const traps = [
  ...[
    'a',
    ' ',
    '1',
    '.',
    "'",
    '"',
    '`',
    '(',
    ')',
    ',',
    ';',
    '=',
    '\\',
    '%',
    '-',
    '😀',
    'AND ',
    'a=',
    'a=(',
    'a IN (',
    "x IN ('a',",
  ],
  ...[
    "tags.'",
    'tags.`a`.',
    "'a'.",
    '"\'`',
    "''a",
    'NOT IN (',
    "name = 'a' ",
    "name LIKE '%",
    'a.b.',
    '1.',
    '1e',
    '(a+)+$',
    'e+',
  ],
]

test.each(traps)(
  'of %j repeated, a megabyte takes less than 50 ms, and so does the longest filter',
  (trap) => {
    const megabyte = trap.repeat(Math.ceil(1_000_000 / trap.length))
    for (const read of readers) {
      expect(shortestMs(() => isUnderstood(read, { filter: megabyte }))).toBeLessThan(maxMs)
      expect(shortestMs(() => isUnderstood(read, { filter: megabyte.slice(0, 10_000) }))).toBeLessThan(maxMs)
      expect(shortestMs(() => isUnderstood(read, { orderBy: [megabyte] }))).toBeLessThan(maxMs)
      expect(shortestMs(() => isUnderstood(read, { pageToken: megabyte }))).toBeLessThan(maxMs)
      expect(shortestMs(() => isUnderstood(read, { maxResults: megabyte }))).toBeLessThan(maxMs)
    }
  },
)

test('a hundred thousand ANDs are refused in less than 50 ms (R26)', () => {
  const filter = 'AND '.repeat(100_000)
  expect(isUnderstood(readModelSearch, { filter })).toBe(false)
  expect(shortestMs(() => isUnderstood(readModelSearch, { filter }))).toBeLessThan(maxMs)
})

test('a megabyte of anything takes less than 50 ms', () => {
  fc.assert(
    fc.property(anything, fc.constantFrom(...readers), (text, read) => {
      const filter = text.repeat(Math.ceil(1_000_000 / Math.max(text.length, 1)))
      expect(shortestMs(() => isUnderstood(read, { filter }))).toBeLessThan(maxMs)
      expect(shortestMs(() => isUnderstood(read, { filter: filter.slice(0, 10_000) }))).toBeLessThan(maxMs)
    }),
    { numRuns: 200 },
  )
})

test('order_by with a hundred thousand clauses is refused in less than 50 ms', () => {
  for (const clause of ['name', 'nope', ''])
    expect(
      shortestMs(() =>
        isUnderstood(readModelSearch, { orderBy: Array.from({ length: 100_000 }, () => clause) }),
      ),
    ).toBeLessThan(maxMs)
})
