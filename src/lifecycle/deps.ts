import type { Policy } from '../policy/policy.ts'

/** What the door is handed instead of reaching for it. */
export type LifecycleDeps = {
  policy: Policy
  now: () => Date
  /** Fresh ids: UUIDs. */
  newId: () => string
  /** There is a tracking server that can be asked for a version's run, and what that was trained on. */
  readsRuns: boolean
}
