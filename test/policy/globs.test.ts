import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coversGlob, faultInGlob, matchesGlob } from '../../src/policy/globs.ts'

test.each([
  ['*', ''],
  ['*', 'anything/at.all'],
  ['rossmann-*', 'rossmann-'],
  ['rossmann-*', 'rossmann-ensemble'],
  ['*-eu', 'fraud-eu-eu'],
  ['a*b*c', 'a-b-b-c-c'],
  ['?', 'x'],
  ['m?', 'm1'],
  ['main.*.fraud', 'main.risk.fraud'],
  ['(a+)+', '(a+)+'],
  ['a**b', 'ab'],
])('%j matches %j', (glob, name) => {
  expect(matchesGlob(glob, name)).toBe(true)
})

test.each([
  ['rossmann-*', 'Rossmann-ensemble'],
  ['rossmann-*', 'my-rossmann-ensemble'],
  ['rossmann', 'rossmann-ensemble'],
  ['*-eu', 'fraud-eu-us'],
  ['?', ''],
  ['?', 'xy'],
  ['a.c', 'abc'],
  ['', 'a'],
  ['a*b', 'a'],
])('%j does not match %j', (glob, name) => {
  expect(matchesGlob(glob, name)).toBe(false)
})

test('agrees with the regular expression of the same glob', () => {
  const letters = (...also: string[]) =>
    fc.array(fc.constantFrom('a', 'b', ...also), { maxLength: 8 }).map((one) => one.join(''))
  fc.assert(
    fc.property(letters('*', '?'), letters(), (glob, name) => {
      const pattern = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      expect(matchesGlob(glob, name)).toBe(pattern.test(name))
    }),
    { numRuns: 2000 },
  )
})

test('a glob that covers another one matches whatever that one matches', () => {
  const letters = (...also: string[]) =>
    fc.array(fc.constantFrom('a', 'b', ...also), { maxLength: 5 }).map((one) => one.join(''))
  let covered = 0
  fc.assert(
    fc.property(letters('*', '?'), letters('*', '?'), letters(), (above, glob, name) => {
      if (!coversGlob(above, glob)) return
      covered += 1
      if (matchesGlob(glob, name)) expect(matchesGlob(above, name)).toBe(true)
    }),
    { numRuns: 5000 },
  )
  expect(covered).toBeGreaterThan(100)
})

test.each([
  ['*', 'fraud-*', true],
  ['fraud-*', 'fraud-eu', true],
  ['fraud-*', 'fraud-?', true],
  ['fraud-?', 'fraud-*', false],
  ['fraud-*', '*-eu', false],
  ['fraud-eu', 'fraud-*', false],
])('that %j covers %j is %s', (above, glob, covers) => {
  expect(coversGlob(above, glob)).toBe(covers)
})

test('is quick on a name made to be slow', () => {
  const started = performance.now()
  expect(matchesGlob(`${'*-'.repeat(50)}x`, '-'.repeat(10_000))).toBe(false)
  expect(performance.now() - started).toBeLessThan(500)
})

describe('faultInGlob', () => {
  test.each(['*', 'rossmann-*', 'main.risk.fraud', 'a b', 'model (old)', 'ünï?'])('accepts %j', (glob) => {
    expect(faultInGlob(glob)).toBeNull()
  })

  test.each(['', ' a', '{a,b}', '[ab]', '!a', 'a\\*', 'team/*', 'models:*'])('refuses %j', (glob) => {
    expect(faultInGlob(glob)).not.toBeNull()
  })
})
