import type { NumberComparator } from './comparison.ts'

const largestVersion = 2 ** 31 - 1

/** Versions from `from` to `to`, both included and both numbers that a version can have; or all others than those. */
export type VersionRange = { from: number; to: number; isComplement: boolean }

const none = { from: 1, to: 0 }

/**
 * The versions that compare so with a number, which may have a fraction, a sign, and any size: decided here, where
 * numbers do not overflow, instead of in the database, where they would. *Pure.*
 */
export function versionRange(comparator: NumberComparator, value: number): VersionRange {
  switch (comparator) {
    case '=':
    case '!=':
      return { ...between(Math.ceil(value), Math.floor(value)), isComplement: comparator === '!=' }
    case '>':
      return { ...between(Math.floor(value) + 1, largestVersion), isComplement: false }
    case '>=':
      return { ...between(Math.ceil(value), largestVersion), isComplement: false }
    case '<':
      return { ...between(1, Math.ceil(value) - 1), isComplement: false }
    case '<=':
      return { ...between(1, Math.floor(value)), isComplement: false }
  }
}

function between(from: number, to: number): { from: number; to: number } {
  const range = { from: Math.max(from, 1), to: Math.min(to, largestVersion) }
  return range.from > range.to ? none : range
}
