import type { Command } from 'commander'
import type { Config } from '../config.ts'
import { jsonOption } from './options.ts'
import type { Result, Screen, Shell } from './shell.ts'
import { show } from './words.ts'

/** Adds `greenroom migrate`. */
export function addMigrate(program: Command, shell: Shell): void {
  program
    .command('migrate')
    .description("bring the database's schema up to this program's; a start does so too")
    .addOption(jsonOption())
    .action((_, command: Command) => shell.local(command, migrateAll))
}

async function migrateAll(screen: Screen): Promise<Result> {
  const { loadConfig } = await import('../config.ts')
  const config = loadConfig(process.env, process.cwd())
  const { explainConnection } = await import('../store/connection-faults.ts')
  const database = await openDatabaseServer(config, screen)
  try {
    const applied = await migrateDatabase(database.url).catch(explainConnection)
    if (config.redisUrl === null) await migrateQueues(database.url).catch(explainConnection)
    const named = applied.map((name) => `Applied ${name}.`)
    return { done: true, document: { applied }, lines: [...named, 'The database is up to date.'] }
  } finally {
    await database.stop()
  }
}

async function openDatabaseServer(
  config: Config,
  screen: Screen,
): Promise<{ url: string; stop(): Promise<void> }> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, stop: async () => {} }
  const { startEmbeddedPostgres } = await import('../store/embedded.ts')
  return startEmbeddedPostgres({
    home: config.home,
    database: 'greenroom',
    log: (line) => screen.note(show(line)),
  })
}

async function migrateDatabase(url: string): Promise<string[]> {
  const [{ openDatabase }, { migrate }] = await Promise.all([
    import('../store/database.ts'),
    import('../store/migrate.ts'),
  ])
  const options = { url, size: 1, name: 'greenroom migrate', lockTimeoutMs: 0 }
  const db = openDatabase({ ...options, onConnectionError: () => {} })
  try {
    return await migrate(db)
  } finally {
    await db.destroy()
  }
}

// Without a Redis the queues live in the database too, in a schema of their own that is made by opening them.
async function migrateQueues(databaseUrl: string): Promise<void> {
  const { openQueues } = await import('../workers/queues.ts')
  const queues = await openQueues({ redisUrl: null, databaseUrl, onError: () => {} })
  await queues.close()
}
