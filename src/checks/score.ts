// What predictions are worth. Each definition is the usual one; n counts rows, y is actual, p predicted.

export type Metric = 'rmspe' | 'rmse' | 'mae' | 'r2'

/**
 * Scores predictions against actual values, row by row; null where the metric is undefined on these rows.
 *
 * - `rmspe` = sqrt(mean(((y - p) / y)²)) over the rows with y ≠ 0: the evaluation of Kaggle's Rossmann Store Sales
 * - `rmse` = sqrt(mean((y - p)²))
 * - `mae` = mean(|y - p|)
 * - `r2` = 1 - Σ(y - p)² / Σ(y - mean(y))²: the coefficient of determination; undefined where all y are equal
 *
 * *Pure.*
 */
export function score(metric: Metric, predicted: Float64Array, actual: Float64Array): number | null {
  if (predicted.length !== actual.length)
    throw new Error(`${predicted.length} predictions for ${actual.length} rows`)
  const errors = actual.map((y, row) => y - (predicted[row] ?? Number.NaN))
  switch (metric) {
    case 'rmspe':
      return root(mean(shares(errors, actual).map(square)))
    case 'rmse':
      return root(mean(errors.map(square)))
    case 'mae':
      return mean(errors.map(Math.abs))
    case 'r2':
      return determination(errors, actual)
  }
}

/** The smallest of the values that is not exceeded by `percent` of them (nearest rank); NaN without values. *Pure.* */
export function percentile(values: Float64Array, percent: number): number {
  const rank = Math.max(Math.ceil((percent / 100) * values.length), 1)
  return values.toSorted()[rank - 1] ?? Number.NaN
}

function shares(errors: Float64Array, actual: Float64Array): Float64Array {
  return errors.map((error, row) => error / (actual[row] ?? Number.NaN)).filter((_, row) => actual[row] !== 0)
}

function determination(errors: Float64Array, actual: Float64Array): number | null {
  const center = mean(actual)
  if (center === null || actual.every((y) => y === actual[0])) return null
  return 1 - sum(errors.map(square)) / sum(actual.map((y) => square(y - center)))
}

function mean(values: Float64Array): number | null {
  return values.length === 0 ? null : sum(values) / values.length
}

function root(value: number | null): number | null {
  return value === null ? null : Math.sqrt(value)
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}

function square(value: number): number {
  return value * value
}
