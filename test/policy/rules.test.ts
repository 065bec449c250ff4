import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Rules } from '../../src/policy/policy.ts'
import { builtInRules, policyHash } from '../../src/policy/rules.ts'

/** The same data with the keys of every object in an order drawn by `next`. */
function shuffleKeys(value: unknown, next: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffleKeys(item, next))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, member]) => ({ key, member, rank: next() }))
  return Object.fromEntries(
    entries.toSorted((a, b) => a.rank - b.rank).map(({ key, member }) => [key, shuffleKeys(member, next)]),
  )
}

const limits = fc.dictionary(
  fc.string().filter((key) => key !== '__proto__'),
  fc.record({ min: fc.double({ noNaN: true, noDefaultInfinity: true }), max: fc.integer() }),
)

test('the hash does not depend on the order of keys', () => {
  fc.assert(
    fc.property(limits, fc.infiniteStream(fc.nat()), (drawn, ranks) => {
      const rules: Rules = { ...builtInRules, validate: [{ kind: 'metrics', limits: drawn, timeoutMs: 1 }] }
      const shuffled = shuffleKeys(rules, () => ranks.next().value) as Rules
      expect(policyHash(shuffled)).toBe(policyHash(rules))
    }),
  )
})

test('the hash depends on the order of checks, and on every value', () => {
  const [artifact] = builtInRules.validate
  if (artifact === undefined) throw new Error('the built-in rules have lost their check')
  const slow = { ...artifact, timeoutMs: 1 }
  const hashes = [
    builtInRules,
    { ...builtInRules, validate: [artifact, slow] },
    { ...builtInRules, validate: [slow, artifact] },
    { ...builtInRules, archiveExisting: false },
    { ...builtInRules, approval: { ...builtInRules.approval, expiresMs: null } },
  ].map(policyHash)
  expect(new Set(hashes).size).toBe(hashes.length)
})

test('the hash of the built-in rules is the one that old requests are pinned to', () => {
  expect(policyHash(builtInRules)).toBe(
    'sha256:457e462fa49673b835d3320451dc5a8418a1211cabfdfc44c5fbad09dd2d073f',
  )
})
