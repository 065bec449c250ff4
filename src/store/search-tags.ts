// Conditions on tags. PostgreSQL plans a statement before it knows which tag is meant, so it cannot tell one that five
// versions have from one that all have: going through the tag's index to a hundred thousand versions, only to give the
// newest hundred of them, takes a second. So the tags are counted first, as far as it matters, and what is found is
// said in the statement itself. A count only leads to a plan, never to what is found, so it holds for some seconds.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Condition } from '../search/comparison.ts'
import type { Filter } from '../search/filter.ts'
import type { Database } from './database.ts'
import { compares } from './search-conditions.ts'

type Sql = RawBuilder<unknown>
type TagCondition = Extract<Condition, { kind: 'tag' }>

/**
 * The tags of what is sought, as `t`: their table, which of them are a row's, and which can be any row's; `scope` names
 * these.
 */
export type Tags = { table: Sql; ofRow: Sql; ofAnyRow: Sql; scope: string }

/** Rows that it is cheaper to look up one by one than to come across in the order of the search. */
const fewRows = 1_000

/** Conditions on rows, and how many rows they can apply to at most, where that is known. */
export type TagConditions = { conditions: Sql[]; most: number | null }

/** What a filter asks of tags: the row with each key that it mentions must exist and meet all that is asked of it. */
export async function tagConditions(
  db: Kysely<Database>,
  filter: Filter,
  tags: Tags,
): Promise<TagConditions> {
  const onTags = filter.conditions.filter((condition) => condition.kind === 'tag')
  const keys = [...Map.groupBy(onTags, ({ key }) => key)].map(([key, asked]) => ({
    indexed: sql.join([sql`t.key = ${key}`, ...asked.flatMap(indexedPart)], sql` and `),
    meetsAll: sql.join(
      asked.map(({ comparator, value }) => compares(sql`t.value`, comparator, value)),
      sql` and `,
    ),
  }))
  if (keys.length === 0) return { conditions: [], most: null }
  const counts = await remember(db, JSON.stringify([tags.scope, onTags]), () =>
    countRows(
      db,
      keys.map(({ indexed }) => sql`${tags.table} where ${tags.ofAnyRow} and ${indexed}`),
    ),
  )
  const fewest = Math.min(...counts)
  const leading = fewest <= fewRows ? counts.indexOf(fewest) : -1
  const conditions = keys.map(({ indexed, meetsAll }, index) => {
    // The offset, which changes no result, has a condition looked at row by row where it would be joined.
    const fence = index === leading ? sql`` : sql`offset 0`
    return sql`exists (
      select 1 from ${tags.table} where ${tags.ofRow} and ${indexed} and ${meetsAll} ${fence})`
  })
  return { conditions, most: leading === -1 ? null : fewest }
}

// A value can be too long for an index, which has its beginning only: see `0002-registry.ts`.
function indexedPart({ comparator, value }: TagCondition): Sql[] {
  return comparator === '=' ? [sql`left(t.value, 100) collate "C" = left(${value}, 100)`] : []
}

async function countRows(db: Kysely<Database>, sources: Sql[]): Promise<number[]> {
  const counts = sources.map(
    (source) =>
      sql`(select count(*)::integer from (select 1 from ${source} limit ${sql.lit(fewRows + 1)}) few)`,
  )
  const { rows } = await sql<{ counts: number[] }>`select array[${sql.join(counts)}] as counts`.execute(db)
  return rows[0]?.counts ?? []
}

type Memory = Map<string, { counts: number[]; until: number }>

const rememberedMs = 5_000
const mostRemembered = 1_000
const memories = new WeakMap<Kysely<Database>, Memory>()

async function remember(
  db: Kysely<Database>,
  asked: string,
  count: () => Promise<number[]>,
): Promise<number[]> {
  const memory: Memory = memories.get(db) ?? new Map()
  memories.set(db, memory)
  const last = memory.get(asked)
  if (last !== undefined && performance.now() < last.until) return last.counts
  const counts = await count()
  if (memory.size >= mostRemembered) memory.clear()
  memory.set(asked, { counts, until: performance.now() + rememberedMs })
  return counts
}
