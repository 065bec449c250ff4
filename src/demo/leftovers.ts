import pg from 'pg'

/** What every demo's database is called, before the moment it began. */
export const demoDatabase = 'demo_'

/** Drops the databases of earlier demos that nobody is connected to; best effort, *never rejects*. */
export async function dropEarlierDemos(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {}) // what it was asked rejects besides
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string }>(
      `select datname as name from pg_database
        where starts_with(datname, $1) and datname <> current_database()
          and not exists (select from pg_stat_activity activity where activity.datname = pg_database.datname)`,
      [demoDatabase],
    )
    for (const { name } of rows) await client.query(`drop database ${pg.escapeIdentifier(name)}`)
  } catch {
    // A demo that has just begun may have connected meanwhile; the next one will clean up.
  } finally {
    await client.end().catch(() => {})
  }
}
