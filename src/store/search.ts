// The search of the registry. A page costs as much deep down as at the top, and little in a model of 100,000 versions.
import type { Kysely } from 'kysely'
import sql, { empty, join, raw, type Sql } from 'sql-template-tag'
import { pinnedName } from '../search/filter.ts'
import type { Position } from '../search/page-token.ts'
import { pageTokenAfter, type Search } from '../search/search.ts'
import { readAssembled } from './assembled.ts'
import type { Database } from './database.ts'
import {
  asModel,
  type ModelRow,
  modelColumns,
  type RegistryModel,
  type RegistryVersion,
  versionColumns,
} from './registry-records.ts'
import { attributeConditions } from './search-conditions.ts'
import { comesAfter, orderBy, positionIn, type SortColumns } from './search-order.ts'
import { type TagConditions, tagConditions } from './search-tags.ts'
import { onSharedConnection } from './transaction.ts'

/** One page of what was found; the token leads to the next one and is null on the last. */
export type Page<Row> = { rows: Row[]; nextPageToken: string | null }

/** One page of a search made by `readModelSearch`. */
export async function searchModels(db: Kysely<Database>, search: Search): Promise<Page<RegistryModel>> {
  const { filter } = search
  const onTags = await tagConditions(db, filter, modelTags)
  const page = await readPage<ModelRow>(db, search, modelSortColumns, {
    columns: raw(modelColumns),
    from: sql`registered_model m`,
    conditions: [...attributeConditions(filter, tagsOfModel), ...onTags.conditions],
    most: onTags.most,
  })
  return { ...page, rows: page.rows.map(asModel) }
}

/** One page of a search made by `readVersionSearch`. */
export async function searchVersions(db: Kysely<Database>, search: Search): Promise<Page<RegistryVersion>> {
  const { filter } = search
  const name = pinnedName(filter)
  const { from, isRow, ofAnyRow } = name === null ? anyModel : oneModel(name)
  const tags = { ...versionTags, ofAnyRow, scope: `versions of ${name ?? ''}` }
  const onTags = await tagConditions(db, filter, tags)
  return readPage<RegistryVersion>(db, search, versionSortColumns, {
    columns: raw(versionColumns),
    from,
    conditions: [isRow, ...attributeConditions(filter, tagsOfName), ...onTags.conditions],
    most: onTags.most,
  })
}

// What is the same in every search is put together once.
const [modelSortColumns, versionSortColumns] = [sortColumnsOf(sql`m`), sortColumnsOf(sql`v`)]
const modelTags = {
  table: sql`registered_model_tag t`,
  ofRow: sql`t.model_id = m.id`,
  ofAnyRow: sql`true`,
  scope: 'models',
}
const tagsOfModel = sql`${modelTags.table} where ${modelTags.ofRow}`
const versionTags = {
  table: sql`model_version_tag t`,
  ofRow: sql`t.model_id = v.model_id and t.version = v.version`,
}
// As in MLflow, one version that is a prompt makes prompts of all that have its name.
const tagsOfName = sql`${versionTags.table} where t.model_id = v.model_id`

// The zero keeps PostgreSQL from going through models to versions, for which it would assume that every model has the
// average number of versions. A model with most of them, joined with tags, then took minutes.
const anyModel = {
  from: sql`model_version v join registered_model m on m.id = v.model_id + 0`,
  isRow: sql`true`,
  ofAnyRow: sql`true`,
}

// The index on the versions of one model gives them in order, and no name has to be looked up.
function oneModel(name: string): Record<keyof typeof anyModel, Sql> {
  const id = sql`(select id from registered_model where name = ${name})`
  return {
    from: sql`model_version v cross join (select ${name}::text as name) m`,
    isRow: sql`v.model_id = ${id}`,
    ofAnyRow: sql`t.model_id = ${id}`,
  }
}

// Names are ordered by code point, as MLflow orders them, whatever the database's locale.
function sortColumnsOf(row: Sql): SortColumns {
  return {
    name: sql`m.name collate "C"`,
    version_number: sql`${row}.version`,
    creation_timestamp: sql`${row}.created_at`,
    last_updated_timestamp: sql`${row}.updated_at`,
  }
}

type Parts = Pick<TagConditions, 'conditions' | 'most'> & { columns: Sql; from: Sql }

// So many rows are read in a moment, which others can wait for.
const momentRows = 100

async function readPage<Row extends object>(
  db: Kysely<Database>,
  search: Search,
  sortColumns: SortColumns,
  { columns, from, conditions, most }: Parts,
): Promise<Page<Row>> {
  const { order, limit, after } = search
  const where = [sql`true`, ...conditions, ...(after === null ? [] : [comesAfter(after, order, sortColumns)])]
  // One row more than the page has tells whether there is another page.
  const select = (on: Kysely<Database>, more: Sql) =>
    readAssembled<Row & { position?: Position }>(
      on,
      sql`select ${columns} ${more} from ${from} where ${join(where, ' and ')}
          order by ${orderBy(order, sortColumns)} limit ${limit + 1}`,
    )
  // No position, where all there seems to be is on this page.
  const found =
    most !== null && most <= Math.min(limit, momentRows)
      ? await onSharedConnection(db, (on) => select(on, empty))
      : undefined
  const rows =
    found === undefined || found.length > limit
      ? await select(db, sql`, ${positionIn(order, sortColumns)} as position`)
      : found
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1)?.position : undefined
  for (const row of page) delete row.position
  return { rows: page, nextPageToken: last === undefined ? null : pageTokenAfter(search, last) }
}
