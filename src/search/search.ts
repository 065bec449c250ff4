import { type Filter, parseFilter, pinnedName } from './filter.ts'
import { parseOrder } from './order.ts'
import { readPageSize } from './page-size.ts'
import { type Position, readPageToken, writePageToken } from './page-token.ts'
import { modelVocabulary, type SortKey, type Vocabulary, versionVocabulary } from './vocabulary.ts'

/** What a search asks for, as it came: `maxResults` is a number in a body and a text in a query. */
export type SearchRequest = {
  filter?: string | undefined
  maxResults?: unknown
  orderBy?: readonly string[] | undefined
  pageToken?: string | undefined
}

/** A search that was understood: which rows, in which order, how many, and after which row. */
export type Search = {
  entity: 'models' | 'versions'
  filter: Filter
  /** No two rows are equal in it. Without the name where the filter leaves one name only. */
  order: SortKey[]
  limit: number
  after: Position | null
}

/** Reads a search for registered models. Throws SearchSyntaxError. *Pure.* */
export function readModelSearch(request: SearchRequest): Search {
  return readSearch(request, modelVocabulary)
}

/** Reads a search for model versions. Throws SearchSyntaxError. *Pure.* */
export function readVersionSearch(request: SearchRequest): Search {
  return readSearch(request, versionVocabulary)
}

/** The token of the page after the row at `position`. *Pure.* */
export function pageTokenAfter(search: Search, position: Position): string {
  return writePageToken(queryOf(search), position)
}

function readSearch(request: SearchRequest, vocabulary: Vocabulary): Search {
  const limit = readPageSize(request.maxResults, vocabulary)
  const filter = parseFilter(request.filter ?? '', vocabulary)
  const order = parseOrder(request.orderBy ?? [], vocabulary).filter(
    ({ field }) => vocabulary.entity === 'models' || field !== 'name' || pinnedName(filter) === null,
  )
  const search = { entity: vocabulary.entity, filter, order, limit, after: null }
  if (request.pageToken === undefined || request.pageToken === '') return search
  const fields = order.map(({ field }) => field)
  return { ...search, after: readPageToken(request.pageToken, queryOf(search), fields) }
}

function queryOf({ entity, filter, order }: Search): object {
  return { entity, filter, order }
}
