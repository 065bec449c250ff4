// Conditions on tags. PostgreSQL plans a statement before it knows which tag is meant, so it cannot tell one that five
// versions have from one that all have: going through the tag's index to a hundred thousand versions, only to give the
// newest hundred of them, takes a second. So the tags are counted first, as far as it matters, and what is found is
// said in the statement itself. A count only leads to a plan, never to what is found, so it holds for some seconds.
import type { Kysely } from 'kysely'
import sql, { empty, join, raw, type Sql } from 'sql-template-tag'
import { type Memory, openMemory } from '../memory.ts'
import type { Condition } from '../search/comparison.ts'
import type { Filter } from '../search/filter.ts'
import { readAssembled } from './assembled.ts'
import type { Database } from './database.ts'
import { compares } from './search-conditions.ts'

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
    indexed: join([sql`t.key = ${key}`, ...asked.flatMap(indexedPart)], ' and '),
    meetsAll: join(
      asked.map(({ comparator, value }) => compares(sql`t.value`, comparator, value)),
      ' and ',
    ),
  }))
  if (keys.length === 0) return { conditions: [], most: null }
  const counts = await memoryOf(db).recall(JSON.stringify([tags.scope, onTags]), () =>
    countRows(
      db,
      keys.map(({ indexed }) => sql`${tags.table} where ${tags.ofAnyRow} and ${indexed}`),
    ),
  )
  const fewest = Math.min(...counts)
  const leading = fewest <= fewRows ? counts.indexOf(fewest) : -1
  const conditions = keys.map(({ indexed, meetsAll }, index) => {
    // The offset, which changes no result, has a condition looked at row by row where it would be joined.
    const fence = index === leading ? empty : sql`offset 0`
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
      sql`(select count(*)::integer from (select 1 from ${source} limit ${raw(`${fewRows + 1}`)}) few)`,
  )
  const statement = sql`select array[${join(counts)}] as counts`
  const [row] = await readAssembled<{ counts: number[] }>(db, statement)
  return row?.counts ?? []
}

const rememberedMs = 5_000
const mostRemembered = 1_000
const memories = new WeakMap<Kysely<Database>, Memory<number[]>>()

function memoryOf(db: Kysely<Database>): Memory<number[]> {
  const memory = memories.get(db) ?? openMemory(rememberedMs, mostRemembered)
  memories.set(db, memory)
  return memory
}
