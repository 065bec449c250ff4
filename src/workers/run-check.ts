import type { Kysely } from 'kysely'
import { UnavailableSourceError } from '../artifacts/remote.ts'
import { type CheckSubject, runCheck } from '../checks/check.ts'
import { LostLeaseError } from '../errors.ts'
import { recordFinding } from '../lifecycle/findings.ts'
import type { ClaimedCommand } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { onSharedConnection } from '../store/transaction.ts'
import { findCheck } from '../store/validations.ts'
import { findTaggedVersion } from '../store/versions.ts'
import { type Backoff, backoffMs, timesPutOff } from './backoff.ts'
import type { CommandDeps } from './deps.ts'
import type { Ended } from './workers.ts'

type RunCheck = ClaimedCommand & { kind: 'runCheck' }

// A place that is restarted or cut off is waited for; one that is gone must be told of within minutes.
const wait: Backoff = { firstMs: 1_000, mostMs: 30_000 }
const mostWaits = 8
// Whatever the queue has lost meanwhile, of which the ledger counts every attempt too.
const waitedForMs = 120_000

/**
 * Runs one check of a validation and records its finding, fenced by the attempt (V9). Puts it off while the place of the
 * artifact cannot be reached, for some minutes.
 */
export async function runCheckCommand(
  deps: CommandDeps,
  command: RunCheck,
  signal: AbortSignal,
): Promise<Ended> {
  try {
    return await checkAndRecord(deps, command, signal)
  } catch (error) {
    const mayPass = error instanceof UnavailableSourceError && error.mayPass
    if (!mayPass || !isWaitedFor(command, deps.now())) throw error
    return { kind: 'later', why: error.message, afterMs: backoffMs(timesPutOff(command), wait) }
  }
}

function isWaitedFor(command: RunCheck, now: Date): boolean {
  return timesPutOff(command) < mostWaits || now.getTime() - command.createdAt.getTime() < waitedForMs
}

async function checkAndRecord(deps: CommandDeps, command: RunCheck, signal: AbortSignal): Promise<Ended> {
  const { validationId, position } = command.payload
  const [check, candidate] = await onSharedConnection(deps.db, (db) =>
    Promise.all([findCheck(db, validationId, position), loadSubject(db, command.model, command.version)]),
  )
  if (check === undefined || candidate === null)
    throw new LostLeaseError(`check ${position} of validation ${validationId} is gone`)
  const incumbent =
    check.incumbent_version === null
      ? null
      : await loadSubject(deps.db, command.model, check.incumbent_version)
  const startedAt = deps.now()
  const finding = await runCheck(check.rule, candidate, incumbent, { ...deps.checks, signal })
  const times = { startedAt, finishedAt: deps.now() }
  await recordFinding(deps.db, { ...command, validationId, position }, finding, times, deps)
  return { kind: 'done', note: `${check.rule.kind} ${finding.verdict}: ${finding.summary}` }
}

async function loadSubject(db: Kysely<Database>, name: string, number: number): Promise<CheckSubject | null> {
  const row = await findTaggedVersion(db, { name, version: number })
  if (row === undefined) return null
  const { version, digest, metrics, tags, description, run_id: runId } = row
  const source = row.download_uri ?? row.source
  return { name, version, source, digest, metrics, tags, description, runId }
}
