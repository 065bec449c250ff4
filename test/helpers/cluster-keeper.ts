// Owns a PostgreSQL cluster for a test process, and takes it away when that process lets go of it or is gone.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'

const home = await mkdtemp(join(tmpdir(), 'greenroom-cluster-'))
const postgres = await startEmbeddedPostgres({ home, database: 'greenroom', log: () => {} })
process.on('disconnect', async () => {
  await postgres.stop()
  await rm(home, { recursive: true, force: true })
  process.exit()
})
process.send?.({ home, url: postgres.url })
