import type { Kysely } from 'kysely'
import type { CheckEnvironment } from '../checks/check.ts'
import type { LifecycleDeps } from '../lifecycle/deps.ts'
import type { Notifier } from '../notifiers/notifier.ts'
import type { Database } from '../store/database.ts'
import type { Outbound } from '../webhooks/guard.ts'
import type { KeyRing } from '../webhooks/secrets.ts'

/** What the commands of all kinds need. */
export type CommandDeps = LifecycleDeps & {
  db: Kysely<Database>
  notifier: Notifier
  checks: Omit<CheckEnvironment, 'signal'>
  /** Where deliveries may go. */
  outbound: Outbound
  /** What their secrets are sealed with. */
  keys: KeyRing
}
