// From a filter to SQL. Whatever comes from outside is bound, never spliced in (R27). `v` is a version's row and `m`
// its model's; a search for models has `m` alone.
import sql, { raw, type Sql } from 'sql-template-tag'
import type { Condition, TextComparator } from '../search/comparison.ts'
import { type Filter, promptTag } from '../search/filter.ts'
import { versionRange } from '../search/version-range.ts'
import type { TextAttribute } from '../search/vocabulary.ts'

/** What a filter asks of the attributes of a row, and that it is no prompt where it must not be. */
export function attributeConditions({ conditions, prompts }: Filter, promptsTags: Sql): Sql[] {
  const onAttributes = conditions.filter((condition) => condition.kind !== 'tag').map(attributeCondition)
  if (prompts === 'askedFor') return onAttributes
  const isPrompt = sql`t.key = ${raw(`'${promptTag}'`)} and t.value = 'true'`
  return [...onAttributes, sql`not exists (select 1 from ${promptsTags} and ${isPrompt})`]
}

function attributeCondition(condition: Exclude<Condition, { kind: 'tag' }>): Sql {
  switch (condition.kind) {
    case 'text': {
      const { attribute, comparator, value } = condition
      return compares(columnOf(attribute, comparator === '=' && value !== ''), comparator, value)
    }
    case 'list': {
      const { attribute, comparator, values } = condition
      return comparator === 'IN'
        ? sql`${columnOf(attribute, !values.includes(''))} = any(${values}::text[])`
        : sql`${columnOf(attribute, false)} <> all(${values}::text[])`
    }
    case 'number': {
      const { from, to, isComplement } = versionRange(condition.comparator, condition.value)
      return sql`v.version ${isComplement ? sql`not between` : sql`between`} ${from} and ${to}`
    }
  }
}

/** Over the wire a version without a run has the empty run id; what looks for another one can use the index. */
function columnOf(attribute: TextAttribute, isFilled: boolean): Sql {
  if (attribute === 'run_id' && !isFilled) return sql`coalesce(v.run_id, '')`
  return { name: sql`m.name`, run_id: sql`v.run_id`, source_path: sql`v.source` }[attribute]
}

// Without an escape character a backslash is a character like any other, as in MLflow.
/** That a text compares so with a value; null, which is not true, where there is no text. */
export function compares(column: Sql, comparator: TextComparator, value: string): Sql {
  switch (comparator) {
    case '=':
      return sql`${column} = ${value}`
    case '!=':
      return sql`${column} <> ${value}`
    case 'LIKE':
      return sql`${column} like ${value} escape ''`
    case 'ILIKE':
      return sql`${column} ilike ${value} escape ''`
  }
}
