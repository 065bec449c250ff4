import fc from 'fast-check'
import { expect, test } from 'vitest'
import { numberComparators } from '../../src/search/comparison.ts'
import { versionRange } from '../../src/search/version-range.ts'

const largest = 2 ** 31 - 1
const meets = {
  '=': (version: number, value: number) => version === value,
  '!=': (version: number, value: number) => version !== value,
  '>': (version: number, value: number) => version > value,
  '>=': (version: number, value: number) => version >= value,
  '<': (version: number, value: number) => version < value,
  '<=': (version: number, value: number) => version <= value,
}

const value = fc.oneof(
  fc.integer({ min: -3, max: 12 }),
  fc.integer({ min: -6, max: 24 }).map((half) => half / 2),
  fc.constantFrom(-(2 ** 31), largest - 1, largest, 2 ** 31, largest + 0.5),
)
const version = fc.oneof(fc.integer({ min: 1, max: 10 }), fc.constantFrom(largest - 1, largest))

test('a range holds the versions that compare so with the number, and its ends are versions', () => {
  fc.assert(
    fc.property(fc.constantFrom(...numberComparators), value, version, (comparator, number, candidate) => {
      const { from, to, isComplement } = versionRange(comparator, number)
      expect((candidate >= from && candidate <= to) !== isComplement).toBe(
        meets[comparator](candidate, number),
      )
      for (const end of [from, to]) expect(Number.isInteger(end) && end >= 0 && end <= largest).toBe(true)
    }),
    { numRuns: 5_000 },
  )
})
