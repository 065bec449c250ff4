import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Metric, percentile, score } from '../../src/checks/score.ts'

const metrics: Metric[] = ['rmspe', 'rmse', 'mae', 'r2']
const of = (...values: number[]) => Float64Array.of(...values)
const value = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((v) => (Math.abs(v) < 1e-3 ? 0 : v))
const rows = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 30 })
const columns = (pairs: [number, number][]) => {
  return { predicted: of(...pairs.map(([p]) => p)), actual: of(...pairs.map(([, y]) => y)) }
}

describe('worked by hand', () => {
  test.each<[Metric, number]>([
    // Errors 1, 0, -2 on actual values 2, 4, 5.
    ['rmspe', Math.sqrt((0.25 + 0 + 0.16) / 3)],
    ['rmse', Math.sqrt(5 / 3)],
    ['mae', 1],
    ['r2', 1 - 5 / (42 / 9)],
  ])('%s is %f', (metric, expected) => {
    expect(score(metric, of(1, 4, 7), of(2, 4, 5))).toBeCloseTo(expected, 12)
  })
})

test('rmspe leaves out the rows with nothing sold', () => {
  expect(score('rmspe', of(50, 3), of(0, 2))).toBe(0.5)
})

test('a metric that is undefined on these rows is null', () => {
  expect(score('rmspe', of(1, 2), of(0, 0))).toBeNull()
  expect(score('r2', of(1, 2), of(0.1, 0.1))).toBeNull()
  for (const metric of metrics) expect(score(metric, of(), of())).toBeNull()
})

test('predictions for another number of rows are a bug', () => {
  expect(() => score('mae', of(1), of(1, 2))).toThrow('1 predictions for 2 rows')
})

describe('on any rows', () => {
  test('a perfect prediction scores 0, and 1 in r2', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const { actual } = columns(pairs)
        for (const metric of metrics)
          expect([metric === 'r2' ? 1 : 0, null]).toContain(score(metric, actual, actual))
      }),
    )
  })

  test('the order of rows does not matter', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [one, other] = [columns(pairs), columns(pairs.toReversed())]
        for (const metric of metrics) {
          const figure = score(metric, one.predicted, one.actual)
          const reversed = score(metric, other.predicted, other.actual)
          if (figure === null) expect(reversed).toBeNull()
          else
            expect(Math.abs((reversed ?? Number.NaN) - figure)).toBeLessThanOrEqual(
              1e-9 * Math.abs(figure) + 1e-9,
            )
        }
      }),
    )
  })

  test('errors are never negative, mae never exceeds rmse, and r2 never exceeds 1', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const { predicted, actual } = columns(pairs)
        const [rmspe, rmse = 0, mae = 0, r2] = metrics.map((metric) => score(metric, predicted, actual))
        expect(rmspe ?? 0).toBeGreaterThanOrEqual(0)
        expect(mae ?? 0).toBeGreaterThanOrEqual(0)
        expect(mae ?? 0).toBeLessThanOrEqual((rmse ?? 0) * (1 + 1e-9) + 1e-9)
        expect(r2 ?? 0).toBeLessThanOrEqual(1)
      }),
    )
  })

  test('rmse and mae grow with the unit, rmspe and r2 do not know it', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(0.5, 2, 1024), (pairs, unit) => {
        const { predicted, actual } = columns(pairs)
        const scaled = { predicted: predicted.map((p) => p * unit), actual: actual.map((y) => y * unit) }
        for (const metric of metrics) {
          const figure = score(metric, predicted, actual)
          const rescaled = score(metric, scaled.predicted, scaled.actual)
          const isFree = metric === 'rmspe' || metric === 'r2'
          expect(rescaled).toBe(figure === null || isFree ? figure : figure * unit)
        }
      }),
    )
  })
})

test('a percentile is the smallest value that enough values do not exceed', () => {
  expect(percentile(of(5, 1, 4, 2, 3), 50)).toBe(3)
  expect(
    percentile(
      Float64Array.from({ length: 100 }, (_, i) => 100 - i),
      95,
    ),
  ).toBe(95)
  expect(percentile(of(10, 9), 95)).toBe(10)
  expect(percentile(of(7), 1)).toBe(7)
  expect(percentile(of(), 95)).toBeNaN()
  fc.assert(
    fc.property(
      fc.float64Array({ minLength: 1, noNaN: true }),
      fc.integer({ min: 1, max: 100 }),
      (values, percent) => {
        const limit = percentile(values, percent)
        const within = values.filter((one) => one <= limit).length
        const below = values.filter((one) => one < limit).length
        expect(within * 100).toBeGreaterThanOrEqual(percent * values.length)
        expect(below * 100).toBeLessThan(percent * values.length)
      },
    ),
  )
})
