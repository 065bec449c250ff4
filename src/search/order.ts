import { readEntity } from './comparison.ts'
import { SearchSyntaxError } from './syntax-error.ts'
import { unquote } from './tokens.ts'
import { type SortField, type SortKey, setOf, type Vocabulary } from './vocabulary.ts'

const maxClauseLength = 200
const plainClause = /^[\p{L}\p{N}_.`"]+$/u

/**
 * Parses the clauses of `order_by` to an order in which no two rows are equal: what is asked for, or else the default,
 * and then what breaks ties. Throws SearchSyntaxError. *Pure.*
 */
export function parseOrder(clauses: readonly string[], vocabulary: Vocabulary): SortKey[] {
  const keys: SortKey[] = []
  const has = (field: SortField) => keys.some((key) => key.field === field)
  for (const [index, clause] of clauses.entries()) {
    const key = parseClause(clause, vocabulary)
    if (has(key.field)) throw duplicate(clauses.slice(0, index + 1))
    keys.push(key)
  }
  if (keys.length === 0) keys.push(...vocabulary.defaultOrder)
  return [...keys, ...vocabulary.tieBreak.filter(({ field }) => !has(field))]
}

function parseClause(clause: string, vocabulary: Vocabulary): SortKey {
  const [word = '', direction = 'asc', ...more] = clause.length > maxClauseLength ? [] : clause.split(/\s+/)
  if (!plainClause.test(word) || direction === '' || more.length > 0)
    throw new SearchSyntaxError(
      `Invalid order_by clause '${clause.slice(0, maxClauseLength)}'. Could not be parsed.`,
    )
  if (!['asc', 'desc'].includes(direction.toLowerCase()))
    throw new SearchSyntaxError(`Invalid ordering key in order_by clause '${clause}'.`)
  return { field: readSortField(word, vocabulary), descending: direction.toLowerCase() === 'desc' }
}

function readSortField(word: string, vocabulary: Vocabulary): SortField {
  const { sortWords, shownSortWords, hasSortPrefix } = vocabulary
  const known = sortWords.get(hasSortPrefix ? withoutPrefix(word, shownSortWords) : word)
  if (known !== undefined) return known
  throw new SearchSyntaxError(
    hasSortPrefix
      ? `Invalid attribute key '${word}' specified. Valid keys are '${setOf(shownSortWords)}'`
      : `Invalid order by key '${word}' specified. Valid keys are '${setOf(shownSortWords)}'`,
  )
}

function withoutPrefix(word: string, shownSortWords: readonly string[]): string {
  const dot = word.indexOf('.')
  if (dot === -1) return word
  const key = word.slice(dot + 1)
  if (readEntity(word.slice(0, dot)) === 'attribute') return unquote(key) ?? key
  throw new SearchSyntaxError(
    `Invalid order by key '${key}' specified. Valid keys are ${setOf(shownSortWords)}`,
  )
}

function duplicate(clauses: readonly string[]): SearchSyntaxError {
  const list = clauses.map((clause) => `'${clause}'`).join(', ')
  return new SearchSyntaxError(`\`order_by\` contains duplicate fields: [${list}]`)
}
