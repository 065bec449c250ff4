// What may be said in a search of models and in one of versions; the grammar is one. As in MLflow's REST API.

export type TextAttribute = 'name' | 'run_id' | 'source_path'
export type NumberAttribute = 'version_number'
export type SortField = 'name' | 'version_number' | 'creation_timestamp' | 'last_updated_timestamp'
export type SortKey = { field: SortField; descending: boolean }

export type Vocabulary = {
  entity: 'models' | 'versions'
  textAttributes: readonly TextAttribute[]
  numberAttributes: readonly NumberAttribute[]
  /** Those that may be compared with a list. */
  listAttributes: readonly TextAttribute[]
  /** What may be ordered by, by the word for it. */
  sortWords: ReadonlyMap<string, SortField>
  /** The words that a refusal recommends. */
  shownSortWords: readonly string[]
  /** Whether a word to order by may have `attribute.` before it. */
  hasSortPrefix: boolean
  /** The order when none is asked for. */
  defaultOrder: readonly SortKey[]
  /** What decides between rows that are equal in all that is ordered by; together no two rows are equal in it. */
  tieBreak: readonly SortKey[]
  pageSize: { default: number; largest: number }
}

const byName: SortKey = { field: 'name', descending: false }
const newestVersionFirst: SortKey = { field: 'version_number', descending: true }

export const modelVocabulary: Vocabulary = {
  entity: 'models',
  textAttributes: ['name'],
  numberAttributes: [],
  listAttributes: ['name'],
  sortWords: new Map<string, SortField>([
    ['name', 'name'],
    ['timestamp', 'last_updated_timestamp'],
    ['last_updated_timestamp', 'last_updated_timestamp'],
  ]),
  shownSortWords: ['name', 'timestamp'],
  hasSortPrefix: false,
  defaultOrder: [byName],
  tieBreak: [byName],
  pageSize: { default: 100, largest: 1_000 },
}

const versionSortFields = ['name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'] as const

export const versionVocabulary: Vocabulary = {
  entity: 'versions',
  textAttributes: ['name', 'run_id', 'source_path'],
  numberAttributes: ['version_number'],
  listAttributes: ['name', 'run_id'],
  sortWords: new Map(versionSortFields.map((field) => [field, field])),
  shownSortWords: versionSortFields,
  hasSortPrefix: true,
  defaultOrder: [{ field: 'last_updated_timestamp', descending: true }],
  tieBreak: [byName, newestVersionFirst],
  pageSize: { default: 200_000, largest: 200_000 },
}

/** A set of words as MLflow's messages write it. *Pure.* */
export function setOf(words: readonly string[]): string {
  return `{${words.map((word) => `'${word}'`).join(', ')}}`
}
