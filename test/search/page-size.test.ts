import { expect, test } from 'vitest'
import { readPageSize } from '../../src/search/page-size.ts'
import { SearchSyntaxError } from '../../src/search/syntax-error.ts'
import { modelVocabulary, versionVocabulary } from '../../src/search/vocabulary.ts'

test.each([
  [modelVocabulary, undefined, 100],
  [modelVocabulary, null, 100],
  [modelVocabulary, '1000', 1_000],
  [modelVocabulary, 1, 1],
  [versionVocabulary, '100', 100],
  [versionVocabulary, 10_000, 10_000],
])('of %o the size %j is %i', (vocabulary, given, size) => {
  expect(readPageSize(given, vocabulary)).toBe(size)
})

test.each([undefined, '200000', 200_000, 10_001])('a page has 10000 versions at most: %j', (given) => {
  expect(readPageSize(given, versionVocabulary)).toBe(10_000)
})

const invalid = (shown: string, type: string) =>
  `Invalid value ${shown} for parameter 'max_results' supplied:  Hint: Value was of type '${type}'. ` +
  'See the API docs for more information about request parameters.'

test.each([
  ['1001', invalid('"1001"', 'str')],
  [1_001, invalid('1001', 'int')],
  ['abc', invalid('"abc"', 'str')],
  ['', invalid('""', 'str')],
  ['1e2', invalid('"1e2"', 'str')],
  ['１２', invalid('"１２"', 'str')],
  ['9'.repeat(400), invalid(`"${'9'.repeat(99)}`, 'str')],
  [1.5, invalid('1.5', 'float')],
  [1e300, invalid('1e+300', 'int')],
  [true, invalid('true', 'bool')],
  [[5], invalid('[5]', 'list')],
  [{}, invalid('{}', 'dict')],
  [0, 'Invalid value for max_results. It must be a positive integer, but got 0'],
  ['-1', 'Invalid value for max_results. It must be a positive integer, but got -1'],
])('the size %j is refused', (given, message) => {
  expect(() => readPageSize(given, modelVocabulary)).toThrow(new SearchSyntaxError(message))
})
