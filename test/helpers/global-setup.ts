import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openDatabase } from '../../src/store/database.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { migrate } from '../../src/store/migrate.ts'
import { type Available, probe } from './requirements.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection URL of the server's template database; every test database is a copy of it. */
    templateUrl: string
    available: Available
  }
}

/** One PostgreSQL for the whole run, with a migrated template; and one look at what else is there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const available = await probe(process.env)
  const home = await mkdtemp(join(tmpdir(), 'greenroom-test-'))
  const postgres = await startEmbeddedPostgres({
    home,
    database: 'template_greenroom',
    // Many deployments at once, and some leave connections behind that only the server still thinks open.
    settings: { max_connections: '600' },
    log: () => {},
  })
  const db = openDatabase({ url: postgres.url, size: 1, name: 'test setup', onConnectionError: () => {} })
  await migrate(db)
  await db.destroy()
  project.provide('templateUrl', postgres.url)
  project.provide('available', available)
  return async () => {
    await postgres.stop()
    await rm(home, { recursive: true, force: true })
  }
}
