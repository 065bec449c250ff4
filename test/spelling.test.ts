import { expect, test } from 'vitest'
import { hintFor, nearestOf } from '../src/spelling.ts'

const keys = ['approvers', 'quorum', 'expires', 'max', 'min', 'smoke']

test.each([
  ['aprovers', 'approvers'],
  ['Approvers', 'approvers'],
  ['quourm', 'quorum'],
  ['smoek', 'smoke'],
  ['mx', 'max'],
])('takes %j for %j', (word, meant) => {
  expect(nearestOf(word, keys)).toBe(meant)
})

test.each(['', 'x', 'timeout', 'approvals!!!!', 'a'.repeat(100_000)])(
  'takes %.20j for no known word',
  (word) => {
    expect(nearestOf(word, keys)).toBeNull()
  },
)

test('prefers the nearest of several words', () => {
  expect(nearestOf('rmsp', ['rmse', 'rmspe'])).toBe('rmse')
  expect(nearestOf('rmspee', ['rmse', 'rmspe'])).toBe('rmspe')
})

test('says nothing where no word is near', () => {
  expect(hintFor('aprovers', keys)).toBe('; did you mean "approvers"?')
  expect(hintFor('zzz', keys)).toBe('')
})
