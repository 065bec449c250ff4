import pg from 'pg'
import { expect, it, type TestContext } from 'vitest'
import { type Edit, withUnheardBreak } from '../helpers/broken-builds.ts'
import { openScene } from '../helpers/scene.ts'
import { until } from '../helpers/until.ts'

const timeout = 60_000

// What the log says of an error that nobody caught.
const fatal = '"level":"fatal"'

it.concurrent('a start whose connection breaks ends with what to do about it', {
  timeout,
}, async (context) => {
  const said = await breakStart(context)
  expect(said).toContain('The database does not answer. Start it')
  expect(said).not.toContain(fatal)
})

it.concurrent('it ends by an error that nobody caught on a build that does not hear of it', {
  timeout,
}, async (context) => {
  expect(await breakStart(context, withUnheardBreak)).toContain(fatal)
})

/** Breaks the connection on which a server brings its queues up to date; gives what it wrote until it ended. */
async function breakStart(context: TestContext, edits?: Edit[]): Promise<string> {
  const scene = await openScene(context, { byLine: true })
  const other = new pg.Client({ connectionString: scene.databaseUrl })
  await other.connect()
  // As another process that is at it.
  await other.query(`select pg_advisory_lock(x'42554c4c'::int, hashtext('bullmq'))`)
  const starting = scene.serve(edits).then(() => 'it started', String)
  await until(async () => {
    const waiting = `select from pg_locks join pg_database db on db.oid = database
      where locktype = 'advisory' and not granted and datname = current_database()`
    return (await other.query(waiting)).rowCount === 1
  })
  scene.line?.cut()
  const said = await starting
  await other.end()
  return said
}
