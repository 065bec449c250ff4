import type { Kysely } from 'kysely'
import { type CheckSubject, runCheck } from '../checks/check.ts'
import { LostLeaseError } from '../errors.ts'
import { recordFinding } from '../lifecycle/findings.ts'
import type { ClaimedCommand } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { onSharedConnection } from '../store/transaction.ts'
import { findCheck } from '../store/validations.ts'
import { findTaggedVersion } from '../store/versions.ts'
import type { CommandDeps } from './deps.ts'
import type { Ended } from './workers.ts'

/** Runs one check of a validation and records its finding, fenced by the attempt (V9). */
export async function runCheckCommand(
  deps: CommandDeps,
  command: ClaimedCommand & { kind: 'runCheck' },
  signal: AbortSignal,
): Promise<Ended> {
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
