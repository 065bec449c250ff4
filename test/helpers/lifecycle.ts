import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { LifecycleDeps } from '../../src/lifecycle/deps.ts'
import { recordFinding } from '../../src/lifecycle/findings.ts'
import { type Registration, register } from '../../src/lifecycle.ts'
import type { Verdict } from '../../src/policy/finding.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { type ClaimedCommand, claimCommand, takeDue } from '../../src/store/commands.ts'
import type { Database } from '../../src/store/database.ts'
import { findVersion } from '../../src/store/versions.ts'
import { trivialPolicy } from './policies.ts'

/** Dependencies with the real clock and real ids. */
export function lifecycleDeps(policy: Policy = trivialPolicy()): LifecycleDeps {
  return { policy, now: () => new Date(), newId: randomUUID, readsRuns: false }
}

/** Somebody who acts, in a test. */
export const actor = (principal: string, channel = 'test') => ({ principal, channel, traceId: 'trace-1' })

/** A registration that needs nothing but a name. */
export function registration(name: string, over: Partial<Registration> = {}): Registration {
  return {
    name,
    source: `file:///models/${name}`,
    version: null,
    runId: null,
    metrics: { score: 1 },
    tags: {},
    description: null,
    author: 'carol',
    digest: null,
    ...over,
  }
}

/** Claims every command that is due, as a dispatcher and workers would. */
export async function claimAll(db: Kysely<Database>): Promise<ClaimedCommand[]> {
  const due = await takeDue(db, 1_000, 60_000)
  const claimed = await Promise.all(due.map((command) => claimCommand(db, command, 60_000)))
  return claimed.filter((command) => command !== undefined)
}

/** Runs every due check with the given verdict; other commands that were due are only claimed. */
export async function runChecks(
  db: Kysely<Database>,
  deps: LifecycleDeps,
  verdict: Verdict = 'passed',
): Promise<void> {
  for (const command of await claimAll(db)) {
    if (command.kind !== 'runCheck') continue
    const times = { startedAt: new Date(), finishedAt: new Date() }
    const finding = { verdict, summary: `it ${verdict}`, measured: {}, digest: null }
    await recordFinding(db, { ...command, ...command.payload }, finding, times, deps)
  }
}

/** Registers a version and takes it to the wait for approval; gives the request's id. */
export async function registerToApproval(
  db: Kysely<Database>,
  deps: LifecycleDeps,
  name: string,
): Promise<{ version: number; requestId: string }> {
  const { version } = await register(db, registration(name), actor('ci'), deps)
  await runChecks(db, deps)
  const row = await findVersion(db, { name, version })
  const requestId = row?.lifecycle.context.requestId
  if (requestId == null)
    throw new Error(`version ${version} was not asked about; it is in ${row?.stage}.${row?.state}`)
  return { version, requestId }
}
