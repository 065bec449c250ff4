import { describe, expect, test } from 'vitest'
import { numbersIn, type Rows, rowTable } from '../../src/runtimes/rows.ts'

const numbersOf = (rows: unknown, wanted: string[] | null) =>
  Object.fromEntries(
    [...numbersIn(rowTable(rows as Rows, wanted))].map(([name, values]) => [name, [...values]]),
  )

describe('rows', () => {
  test('that are objects give the columns that are wanted, whatever else they hold', () => {
    const rows = [
      { b: 2, text: 'x', a: 1 },
      { a: 3, b: 4, text: null },
    ]
    expect(numbersOf(rows, ['a', 'b'])).toEqual({ a: [1, 3], b: [2, 4] })
  })

  test('that are objects give the columns of the first one where none are wanted', () => {
    const rows = [
      { b: 2, a: 1 },
      { a: 3, b: 4 },
    ]
    expect(Object.keys(numbersOf(rows, null))).toEqual(['b', 'a'])
  })

  test('that are arrays, typed or not, give their numbers in the order of the columns', () => {
    const rows = [[1, 2], Float32Array.of(3, 4), Int16Array.of(5, 6)]
    expect(numbersOf(rows, ['a', 'b'])).toEqual({ a: [1, 3, 5], b: [2, 4, 6] })
    expect(numbersOf(rows, null)).toEqual({ 'column 1': [1, 3, 5], 'column 2': [2, 4, 6] })
  })

  test('may hold true and false for 1 and 0, large integers, and what is not a number as such', () => {
    expect(numbersOf([{ a: true }, { a: false }, { a: 7n }, { a: Number.NaN }], ['a'])).toEqual({
      a: [1, 0, 7, Number.NaN],
    })
  })

  test('may be none', () => {
    expect(rowTable([], ['a']).rows).toBe(0)
  })

  test('may have a column that is called like something every object has', () => {
    expect(() => rowTable([{ a: 1 }], ['toString'])).toThrow('Row 1 has no column toString')
    expect(numbersIn(rowTable([JSON.parse('{"__proto__":1}')], ['__proto__'])).get('__proto__')).toEqual(
      Float64Array.of(1),
    )
  })
})

test.each<[string, unknown, string[] | null, string]>([
  [
    'a column is missing',
    [{ a: 1, b: 1 }, { a: 1 }],
    ['a', 'b'],
    'Row 2 has no column b; the model takes 2: a, b.',
  ],
  ['a column is undefined', [{ a: undefined }], ['a'], 'Row 1 has no column a; the model takes 1: a.'],
  ['rows are not alike', [{ a: 1 }, { b: 1 }], null, 'Row 2 has no column a, as the first row has.'],
  ['a cell is text', [{ a: 1 }, { a: '2' }], ['a'], 'Row 2, column a: "2" is not a number.'],
  ['a cell is null', [{ a: null }], ['a'], 'Row 1, column a: null is not a number.'],
  ['a cell is a list', [{ a: [1] }], ['a'], 'Row 1, column a: 1 is not a number.'],
  ['an array is too short', [[1, 2], [1]], ['a', 'b'], 'Row 2 has 1 values; the model takes 2: a, b.'],
  ['arrays are not alike', [[1, 2], [1]], null, 'Row 2 has 1 values; the first row has 2.'],
  ['an object follows arrays', [[1], { a: 1 }], ['a'], 'Row 2 is not an array, as the first row is.'],
  [
    'an array follows objects',
    [{ a: 1 }, [1]],
    ['a'],
    'Row 2 is not an object with a value for each column.',
  ],
  ['a row is null', [null], ['a'], 'Row 1 is not an object with a value for each column.'],
  ['the rows are one object', { a: 1 }, ['a'], 'The rows must be an array: of objects, or of arrays.'],
])('rows are refused, with the place, when %s', (_, rows, wanted, message) => {
  expect(() => numbersOf(rows, wanted)).toThrow(message)
})
