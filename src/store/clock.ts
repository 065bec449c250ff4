// Moments by the database's clock, which is the only one that all processes share.
import { sql } from 'kysely'

/** The moment `ms` milliseconds from now. */
export function fromNow(ms: number) {
  return sql<Date>`clock_timestamp() + ${ms}::float8 * interval '1 millisecond'`
}

/** That many days ago. It stands still within a statement, so that an index leads to what is older. */
export function daysAgo(days: number) {
  return sql<Date>`now() - make_interval(days => ${days})`
}
