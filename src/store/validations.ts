import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Suite } from '../machines/model-version.ts'
import type { Finding } from '../policy/finding.ts'
import type { CheckRule } from '../policy/policy.ts'
import { type Database, json } from './database.ts'
import type { CheckResultTable, ValidationTable } from './schema.ts'
import { selectIncumbent } from './versions.ts'

export type Validation = Selectable<ValidationTable>
export type CheckResult = Selectable<CheckResultTable>

/** Opens a validation against the incumbent of now, with one unanswered row per check; `commandId` is the command that runs it. */
export async function openValidation(
  trx: Transaction<Database>,
  validation: {
    id: string
    modelId: number
    version: number
    suite: Suite
    policyHash: string
    now: Date
  },
  checks: { commandId: string; rule: CheckRule }[],
): Promise<void> {
  const row = {
    id: validation.id,
    model_id: validation.modelId,
    version: validation.version,
    suite: validation.suite,
    status: 'running',
    policy_hash: validation.policyHash,
    incumbent_version: selectIncumbent(trx, validation.modelId),
    opened_at: validation.now,
  } as const
  const unanswered = checks.map((check, position) => ({
    validation_id: validation.id,
    position,
    rule: json(check.rule),
    command_id: check.commandId,
  }))
  if (unanswered.length === 0) await trx.insertInto('validation').values(row).execute()
  else
    await trx
      .with('opened', (cte) => cte.insertInto('validation').values(row))
      .insertInto('check_result')
      .values(unanswered)
      .execute()
}

/** Records a check's finding, once; the attempt that wrote it is kept (V9). */
export async function saveFinding(
  trx: Transaction<Database>,
  check: { validationId: string; position: number; attempt: number },
  finding: Finding,
  times: { startedAt: Date; finishedAt: Date },
): Promise<void> {
  await trx
    .updateTable('check_result')
    .set({
      verdict: finding.verdict,
      summary: finding.summary,
      measured: json(finding.measured),
      digest: finding.digest,
      attempt: check.attempt,
      started_at: times.startedAt,
      finished_at: times.finishedAt,
    })
    .where('validation_id', '=', check.validationId)
    .where('position', '=', check.position)
    .execute()
}

/** Ends a validation that is running. *Idempotent*: one that has ended stays as it is. */
export async function closeValidation(
  trx: Transaction<Database>,
  id: string,
  status: Exclude<ValidationTable['status'], 'running'>,
  digest: string | null,
  now: Date,
): Promise<void> {
  await trx
    .updateTable('validation')
    .set({ status, digest, closed_at: now })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .execute()
}

/** A validation, and the incumbent of now beside the one that it was opened against. Throws when there is none. */
export function loadValidation(
  db: Kysely<Database>,
  id: string,
): Promise<Validation & { current_incumbent: number | null }> {
  return db
    .selectFrom('validation')
    .selectAll()
    .select(selectIncumbent(db, sql<number>`validation.model_id`).as('current_incumbent'))
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}

/** Finds one check of a validation by its position, with the incumbent that the validation compares with. */
export function findCheck(
  db: Kysely<Database>,
  validationId: string,
  position: number,
): Promise<{ rule: CheckRule; incumbent_version: number | null } | undefined> {
  return db
    .selectFrom('check_result')
    .innerJoin('validation', 'validation.id', 'check_result.validation_id')
    .select(['check_result.rule', 'validation.incumbent_version'])
    .where('check_result.validation_id', '=', validationId)
    .where('check_result.position', '=', position)
    .executeTakeFirst()
}

/** The checks of a validation in the order of the policy. */
export function listChecks(db: Kysely<Database>, validationId: string): Promise<CheckResult[]> {
  return db
    .selectFrom('check_result')
    .selectAll()
    .where('validation_id', '=', validationId)
    .orderBy('position')
    .execute()
}

/** The validations of a version, newest first. */
export function listValidations(
  db: Kysely<Database>,
  modelId: number,
  version: number,
): Promise<Validation[]> {
  return db
    .selectFrom('validation')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .orderBy('opened_at', 'desc')
    .orderBy(sql`closed_at desc nulls first`)
    .execute()
}

/**
 * Tells whether the checks before Staging last passed under this very policy and against this very incumbent, so
 * that they need not be made again.
 */
export async function stillHolds(
  db: Kysely<Database>,
  of: { model_id: number; version: number },
  now: { policyHash: string; incumbent: number | null },
): Promise<boolean> {
  const last = await db
    .selectFrom('validation')
    .select(['status', 'policy_hash', 'incumbent_version'])
    .where('model_id', '=', of.model_id)
    .where('version', '=', of.version)
    .where('suite', 'in', ['validate', 'all'])
    .orderBy('opened_at', 'desc')
    .executeTakeFirst()
  return (
    last?.status === 'passed' &&
    last.policy_hash === now.policyHash &&
    last.incumbent_version === now.incumbent
  )
}
