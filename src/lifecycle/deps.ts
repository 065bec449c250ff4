import type { Policy } from '../policy/policy.ts'

/** What the door is handed instead of reaching for it: the policy, a clock and a source of fresh ids (UUIDs). */
export type LifecycleDeps = { policy: Policy; now: () => Date; newId: () => string }
