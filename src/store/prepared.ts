import type { CompiledQuery, Kysely, QueryResult } from 'kysely'
import type { Database } from './schema.ts'

/** Values of a statement by name; a value must not be looked at, spread or converted while the statement is built. */
type Values = Record<string, unknown>

/**
 * A statement that is built and compiled at its first use only, for it costs about as much to compile one as to run it.
 * `build` gets stand-ins for the values, so it can only say where they go. Gives rows and the number of rows affected.
 */
export function prepared<V extends Values, Row>(
  build: (db: Kysely<Database>, values: V) => { compile(db: Kysely<Database>): CompiledQuery<Row> },
): (db: Kysely<Database>, values: V) => Promise<QueryResult<Row>> {
  let known: CompiledQuery<Row> | undefined
  return (db, values) => {
    const executor = db.getExecutor()
    // A plugin changes statements, and is not known here.
    if (executor.plugins.length > 0) return executor.executeQuery(build(db, values).compile(db))
    known ??= build(db, standIns as V).compile(db)
    const parameters = known.parameters.map((value) =>
      value instanceof StandIn ? values[value.name] : value,
    )
    return executor.executeQuery({ ...known, parameters })
  }
}

class StandIn {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

const standIns = new Proxy<Values>({}, { get: (_, name) => new StandIn(String(name)) })
