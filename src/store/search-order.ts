// From an order to SQL, and to the position of a row in it.
import sql, { join, type Sql } from 'sql-template-tag'
import type { Position } from '../search/page-token.ts'
import type { SortField, SortKey } from '../search/vocabulary.ts'

/** What stands for each field in the rows that are ordered. */
export type SortColumns = Record<SortField, Sql>

/** The `order by` of an order. */
export function orderBy(order: readonly SortKey[], columns: SortColumns): Sql {
  return join(
    order.map(({ field, descending }) => sql`${columns[field]} ${descending ? sql`desc` : sql`asc`}`),
  )
}

/** A row's {@link Position} in an order, as JSON. */
export function positionIn(order: readonly SortKey[], columns: SortColumns): Sql {
  const values = order.map(({ field }) =>
    isTime(field)
      ? sql`to_char(${columns[field]} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
      : columns[field],
  )
  return sql`json_build_array(${join(values)})`
}

/** That a row comes after a position. */
export function comesAfter(position: Position, order: readonly SortKey[], columns: SortColumns): Sql {
  const keys = order.map(({ field, descending }, index) => ({
    column: columns[field],
    value: sql`${position[index]}::${types[field]}`,
    beyond: descending ? sql`<` : sql`>`,
  }))
  const [first] = keys
  if (first === undefined) return sql`false`
  // Compared as a row, an index that is in this order is entered at the very place; else with the first field at least.
  if (order.every(({ descending }) => descending === order[0]?.descending))
    return sql`(${join(keys.map(({ column }) => column))}) ${first.beyond} (${join(keys.map(({ value }) => value))})`
  const isBeyond = keys.reduceRight<Sql>(
    (inner, { column, value, beyond }) =>
      sql`(${column} ${beyond} ${value} or (${column} = ${value} and ${inner}))`,
    sql`false`,
  )
  return sql`${first.column} ${first.beyond}= ${first.value} and ${isBeyond}`
}

const types: SortColumns = {
  name: sql`text`,
  version_number: sql`integer`,
  creation_timestamp: sql`timestamptz`,
  last_updated_timestamp: sql`timestamptz`,
}

function isTime(field: SortField): boolean {
  return field === 'creation_timestamp' || field === 'last_updated_timestamp'
}
