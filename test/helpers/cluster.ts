import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { locateCluster, runAs } from '../../src/store/embedded-files.ts'

/** A PostgreSQL of a test's own, with an empty database, that can be taken down and brought back. */
export type TestCluster = {
  url: string
  /** `fast` ends sessions in order; `immediate` ends every process at once, and recovery follows at the start. */
  stop(how: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

const keeper = fileURLToPath(new URL('./cluster-keeper.ts', import.meta.url))

/** Starts a cluster in a new home. It ends with the test process at the latest. */
export async function openTestCluster(): Promise<TestCluster> {
  const child = fork(keeper, [], { execArgv: [], env: { PATH: process.env.PATH } })
  const gone = once(child, 'exit')
  const told = await Promise.race([once(child, 'message'), gone.then(() => null)])
  if (told === null) throw new Error('the cluster did not start; see what its keeper wrote to stderr')
  const { home, url } = told[0] as { home: string; url: string }
  const place = await locateCluster(home, () => {})
  return {
    url,
    stop: async (how) => {
      const args = ['stop', '-D', place.cluster, '-m', how, '-w']
      await runAs(place.account, join(place.bin, 'pg_ctl'), args)
    },
    start: async () => {
      const again = await startEmbeddedPostgres({ home, database: 'greenroom', log: () => {} })
      if (again.url !== url) throw new Error('the cluster came back under another address')
    },
    close: async () => {
      child.disconnect()
      await gone
    },
  }
}
