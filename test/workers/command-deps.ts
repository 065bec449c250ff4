import type { Kysely } from 'kysely'
import type { Places } from '../../src/artifacts/remote.ts'
import { placesBelow } from '../../src/artifacts/settings.ts'
import type { LifecycleDeps } from '../../src/lifecycle/deps.ts'
import type { Notifier } from '../../src/notifiers/notifier.ts'
import type { Database } from '../../src/store/database.ts'
import type { CommandDeps } from '../../src/workers/deps.ts'

const sandbox = { run: () => Promise.reject(new Error('no model is run')), close: async () => {} }
const told = async () => ({ kind: 'sent', message: {} }) as const
const nobody: Notifier = { name: 'nobody', post: told, update: told, replyPrivately: told }

/** What commands need where no model is run; unless they are given, nobody is told and nothing is fetched. */
export function commandDeps(
  db: Kysely<Database>,
  lifecycle: LifecycleDeps,
  { notifier = nobody, places = placesBelow([], null) }: { notifier?: Notifier; places?: Places } = {},
): CommandDeps {
  return {
    ...lifecycle,
    db,
    notifier,
    checks: { artifactRoots: [], places, sandbox },
    outbound: { schemes: ['https'], allowPrivateAddresses: false, resolve: async () => [] },
    keys: [],
  }
}
