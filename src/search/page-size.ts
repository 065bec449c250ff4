import { SearchSyntaxError } from './syntax-error.ts'
import type { Vocabulary } from './vocabulary.ts'

// The most rows in one page, whatever is asked for: the token leads to the rest. A page of 200,000 versions would be a
// hundred megabytes made in one go while everybody else waits.
const largestPage = 10_000

/** How many rows a page may have, from `max_results` as it came in a query or a body. Throws SearchSyntaxError. *Pure.* */
export function readPageSize(given: unknown, { pageSize }: Vocabulary): number {
  if (given === undefined || given === null) return Math.min(pageSize.default, largestPage)
  const size = typeof given === 'string' && /^[+-]?\d{1,15}$/.test(given) ? Number(given) : given
  if (typeof size !== 'number' || !Number.isInteger(size) || size > pageSize.largest)
    throw new SearchSyntaxError(
      `Invalid value ${JSON.stringify(given).slice(0, 100)} for parameter 'max_results' supplied: ` +
        ` Hint: Value was of type '${pythonTypeOf(given)}'. See the API docs for more information about request parameters.`,
    )
  if (size < 1)
    throw new SearchSyntaxError(
      `Invalid value for max_results. It must be a positive integer, but got ${size}`,
    )
  return Math.min(size, largestPage)
}

function pythonTypeOf(value: unknown): string {
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return Array.isArray(value) ? 'list' : 'dict'
}
