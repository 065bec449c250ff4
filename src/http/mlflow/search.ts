import { readModelSearch, readVersionSearch, type SearchRequest } from '../../search/search.ts'
import { searchModels, searchVersions } from '../../store/search.ts'
import { type EndpointsOf, endpoint } from './endpoint.ts'
import { type Input, raw, text, texts } from './fields.ts'
import { viewModel, viewVersion } from './views.ts'

const fields = { filter: text, max_results: raw, order_by: texts, page_token: text }

/** The endpoints that search. */
export const search: EndpointsOf = ({ db }) => [
  endpoint({
    method: 'GET',
    path: '/registered-models/search',
    access: 'viewer',
    fields,
    answer: async (input) => {
      const { rows, nextPageToken } = await searchModels(db, readModelSearch(requestOf(input)))
      return page('registered_models', rows.map(viewModel), nextPageToken)
    },
  }),
  endpoint({
    method: 'GET',
    path: '/model-versions/search',
    access: 'viewer',
    fields,
    answer: async (input) => {
      const { rows, nextPageToken } = await searchVersions(db, readVersionSearch(requestOf(input)))
      return page('model_versions', rows.map(viewVersion), nextPageToken)
    },
  }),
]

function requestOf({ filter, max_results, order_by, page_token }: Input<typeof fields>): SearchRequest {
  return { filter, maxResults: max_results, orderBy: order_by, pageToken: page_token }
}

function page(key: string, found: object[], nextPageToken: string | null): object {
  return {
    ...(found.length === 0 ? {} : { [key]: found }),
    ...(nextPageToken === null ? {} : { next_page_token: nextPageToken }),
  }
}
