import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeChange, formatNumber, judge, pairMetrics, tabulate } from '../../src/notifiers/figures.ts'

const figure = (
  candidate: number,
  incumbent: number | null,
  direction: 'lower' | 'higher' | null = null,
) => ({
  metric: 'm',
  candidate,
  incumbent,
  direction,
})

describe('a number', () => {
  test.each([
    [0, '0'],
    [844_392, '844392'],
    [812.4412, '812.4'],
    [0.108312, '0.1083'],
    [-0.5, '−0.5'],
    [1.2e-7, '1.200e−7'],
    [1.23e12, '1.230e+12'],
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('%d reads %s', (value, text) => {
    expect(formatNumber(value)).toBe(text)
  })

  test('gets as many digits as it takes to see the difference', () => {
    expect(formatNumber(0.123456, 0.000002)).toBe('0.123456')
    expect(formatNumber(844_392.4, 0.3)).toBe('844392.4')
  })
})

describe('a comparison', () => {
  test.each([
    [0.9, 1, 'lower', '↓ 10 %', 'better'],
    [1.1, 1, 'lower', '↑ 10 %', 'worse'],
    [0.912, 0.897, 'higher', '↑ 1.67 %', 'better'],
    [1, 1, 'lower', '', 'equal'],
    [0.5, 0, null, '↑ 0.5', ''],
    [1e9, 1, null, '↑ > 1000 %', ''],
    [-2, -1, 'higher', '↓ 100 %', 'worse'],
    [Number.NaN, 1, 'lower', '?', ''],
  ] as const)(
    'of %d with %d (%s is better) reads "%s %s"',
    (candidate, incumbent, direction, change, verdict) => {
      expect(describeChange(figure(candidate, incumbent, direction))).toBe(change)
      expect(judge(figure(candidate, incumbent, direction))).toBe(verdict)
    },
  )

  test('puts first what both versions have, and takes nothing from a prototype', () => {
    const pairs = pairMetrics({ toString: 1, b: 2, a: 3 }, { b: 4 })
    expect(pairs.map(({ metric, incumbent }) => [metric, incumbent])).toEqual([
      ['b', 4],
      ['a', null],
      ['toString', null],
    ])
  })
})

describe('a table', () => {
  const headings = { candidate: 'version 2', incumbent: 'version 1' }

  test('has no column for an incumbent that nothing has, and no group without figures', () => {
    const groups = [
      { title: 'measured', figures: [] },
      { title: 'reported', figures: [figure(1, null)] },
    ]
    expect(tabulate(groups, headings, 10)).toEqual(['     version 2', 'reported', '  m          1'])
    expect(tabulate([], headings, 10)).toEqual([])
  })

  test('keeps its numbers in line whatever they are', () => {
    const some = fc.record({
      metric: fc.string({ unit: 'grapheme-ascii', minLength: 1 }),
      candidate: fc.double(),
      incumbent: fc.double(),
      direction: fc.constant(null),
    })
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 5 }), (figures) => {
        const [head = '', , ...rows] = tabulate([{ title: 't', figures }], headings, 10)
        const end = head.indexOf('version 2') + 'version 2'.length
        for (const row of rows) expect(row.slice(0, end)).toMatch(/[\d∞N]$/u)
      }),
    )
  })
})
