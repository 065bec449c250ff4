import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import type { Suite } from '../machines/model-version.ts'
import type { Finding } from '../policy/finding.ts'
import type { CheckRule } from '../policy/policy.ts'
import { type Attempt, insertCommands, type NewCommand, overtaken, updateFinished } from './commands.ts'
import { type Database, json } from './database.ts'
import { prepared } from './prepared.ts'
import type { CheckResultTable, ValidationTable } from './schema.ts'
import { selectIncumbent } from './versions.ts'

export type Validation = Selectable<ValidationTable>
export type CheckResult = Selectable<CheckResultTable>

/** A check that a validation asks for, and the command that makes it. */
export type AskedCheck = { rule: CheckRule; command: NewCommand }

/** Opens a validation against the incumbent of now, with a command and an unanswered row for each check. */
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
  checks: AskedCheck[],
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
  if (checks.length === 0) {
    await trx.insertInto('validation').values(row).execute()
    return
  }
  const unanswered = checks.map(({ rule, command }, position) => ({
    validation_id: validation.id,
    position,
    rule: json(rule),
    command_id: command.id,
  }))
  const opened = trx
    .with('opened', (cte) => cte.insertInto('validation').values(row))
    .with('asked', (cte) => cte.insertInto('check_result').values(unanswered))
  const commands = checks.map(({ command }) => command)
  await insertCommands(opened, commands).execute()
}

/**
 * Records a check's finding, and ends the command that made it. Throws LostLeaseError, which undoes the transaction,
 * when the attempt is no longer the one (C2).
 */
export async function saveFinding(
  trx: Transaction<Database>,
  check: Attempt & { validationId: string; position: number },
  finding: Finding,
  times: { startedAt: Date; finishedAt: Date },
): Promise<void> {
  const answer = { ...check, ...finding, measured: JSON.stringify(finding.measured), ...times }
  const { numAffectedRows } = await updateCheck(trx, answer)
  if (numAffectedRows !== 1n) throw overtaken(check)
}

type Answer = Attempt &
  Pick<Finding, 'verdict' | 'summary' | 'digest'> & {
    validationId: string
    position: number
    measured: string
    startedAt: Date
    finishedAt: Date
  }

const updateCheck = prepared((db, answer: Answer) =>
  db
    .with('finished', (cte) => updateFinished(cte, answer).returning('command.id'))
    .updateTable('check_result')
    .from('finished')
    .set({
      verdict: answer.verdict,
      summary: answer.summary,
      measured: sql`${answer.measured}::jsonb`,
      digest: answer.digest,
      attempt: answer.attempt,
      started_at: answer.startedAt,
      finished_at: answer.finishedAt,
    })
    .where('validation_id', '=', answer.validationId)
    .where('position', '=', answer.position),
)

/** Ends a validation that is running. *Idempotent*: one that has ended stays as it is. */
export async function closeValidation(
  trx: Transaction<Database>,
  id: string,
  status: Exclude<ValidationTable['status'], 'running'>,
  digest: string | null,
  now: Date,
): Promise<void> {
  await endRunning(trx, { id, status, digest, now })
}

type End = Pick<Validation, 'id' | 'status' | 'digest'> & { now: Date }

const endRunning = prepared((db, { id, status, digest, now }: End) =>
  db
    .updateTable('validation')
    .set({ status, digest, closed_at: now })
    .where('id', '=', id)
    .where('status', '=', 'running'),
)

/** What is known of one check of a validation; no verdict: not yet made. */
export type CheckAnswer = Pick<CheckResult, 'rule' | 'verdict' | 'summary' | 'digest'>

/** A validation with its checks in the order of the policy, and the incumbent of now beside the one that it was opened against. */
export type RunningValidation = Validation & { current_incumbent: number | null; checks: CheckAnswer[] }

/** Loads a validation. Throws when there is none. */
export async function loadValidation(db: Kysely<Database>, id: string): Promise<RunningValidation> {
  const [row] = (await selectValidation(db, { id })).rows
  if (row === undefined) throw new Error(`there is no validation ${id}`)
  return row
}

const selectValidation = prepared((db, { id }: { id: string }) =>
  db
    .selectFrom('validation')
    .selectAll()
    .select([
      selectIncumbent(db, sql<number>`validation.model_id`).as('current_incumbent'),
      sql<CheckAnswer[]>`coalesce((
        select json_agg(json_build_object('rule', rule, 'verdict', verdict, 'summary', summary, 'digest', digest)
                        order by position)
        from check_result where validation_id = validation.id), '[]')`.as('checks'),
    ])
    .where('id', '=', id),
)

/** Finds one check of a validation by its position, with the incumbent that the validation compares with. */
export async function findCheck(
  db: Kysely<Database>,
  validationId: string,
  position: number,
): Promise<{ rule: CheckRule; incumbent_version: number | null } | undefined> {
  const { rows } = await selectCheck(db, { validationId, position })
  return rows[0]
}

const selectCheck = prepared((db, { validationId, position }: { validationId: string; position: number }) =>
  db
    .selectFrom('check_result')
    .innerJoin('validation', 'validation.id', 'check_result.validation_id')
    .select(['check_result.rule', 'validation.incumbent_version'])
    .where('check_result.validation_id', '=', validationId)
    .where('check_result.position', '=', position),
)

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
