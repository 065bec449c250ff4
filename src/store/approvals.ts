import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { NotFoundError } from '../errors.ts'
import { approvalMachineVersion } from '../machines/approval.ts'
import type { Approval } from '../machines/decide.ts'
import { type Database, json } from './database.ts'
import { type LockedModel, lockFormerModel } from './models.ts'
import type { ApprovalRequestTable, DecisionTable } from './schema.ts'
import { readApproval } from './snapshots.ts'

/** An approval request's row, its stored state read and checked. */
export type ApprovalRow = Omit<Selectable<ApprovalRequestTable>, 'lifecycle'> & { lifecycle: Approval }
export type Decision = Selectable<DecisionTable>

/** What a request pins and asks, when it is opened. */
export type NewRequest = {
  id: string
  modelId: number
  version: number
  validationId: string
  digest: string | null
  policyHash: string
  incumbentVersion: number | null
  archiveExisting: boolean
  approvers: string[] | null
  traceId: string
  openedAt: Date
  expiresAt: Date | null
}

/** Opens an approval request in its first state. */
export async function insertRequest(
  trx: Transaction<Database>,
  request: NewRequest,
  approval: Approval,
): Promise<void> {
  await trx
    .insertInto('approval_request')
    .values({
      id: request.id,
      model_id: request.modelId,
      version: request.version,
      state: approval.value,
      lifecycle: json(approval),
      machine_version: approvalMachineVersion,
      validation_id: request.validationId,
      digest: request.digest,
      policy_hash: request.policyHash,
      incumbent_version: request.incumbentVersion,
      archive_existing: request.archiveExisting,
      approvers: json(request.approvers),
      trace_id: request.traceId,
      opened_at: request.openedAt,
      expires_at: request.expiresAt,
    })
    .execute()
}

/** Writes a request's new state; `closed` when it has reached a final one. */
export async function saveApproval(
  trx: Transaction<Database>,
  id: string,
  next: Approval,
  closed: { at: Date; reason: string | null } | null,
): Promise<void> {
  await trx
    .updateTable('approval_request')
    .set({
      state: next.value,
      lifecycle: json(next),
      ...(closed === null ? {} : { closed_at: closed.at, outcome_reason: closed.reason }),
    })
    .where('id', '=', id)
    .execute()
}

/** Adds one person's answer. The primary key backs "one decision per person and request" (V4). */
export async function insertDecision(trx: Transaction<Database>, decision: Decision): Promise<void> {
  await trx.insertInto('decision').values(decision).execute()
}

/** Notes where a request was posted. */
export async function saveMessage(
  trx: Kysely<Database>,
  id: string,
  message: Record<string, string>,
): Promise<void> {
  await trx
    .updateTable('approval_request')
    .set({ message: json(message) })
    .where('id', '=', id)
    .execute()
}

/** Loads a request. Throws NotFoundError when there is none. */
export async function loadRequest(db: Kysely<Database>, id: string): Promise<ApprovalRow> {
  const row = await db.selectFrom('approval_request').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw new NotFoundError(`There is no approval request ${id}.`)
  return asRequest(row)
}

/**
 * Loads a request and holds its row until the transaction ends, but not against those who add decisions to it: they
 * would wait for each other. Throws NotFoundError when there is none.
 */
export async function lockRequest(trx: Transaction<Database>, id: string): Promise<ApprovalRow> {
  await trx.selectFrom('approval_request').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  return loadRequest(trx, id)
}

/** The model that a request is about, even if it was deleted since. Throws NotFoundError for an unknown request. */
export async function modelOfRequest(
  db: Kysely<Database>,
  id: string,
): Promise<{ id: number; name: string }> {
  const model = await db
    .selectFrom('approval_request')
    .innerJoin('every_registered_model as model', 'model.id', 'approval_request.model_id')
    .select(['model.id', 'model.name'])
    .where('approval_request.id', '=', id)
    .executeTakeFirst()
  if (model === undefined) throw new NotFoundError(`There is no approval request ${id}.`)
  return model
}

/** Locks the model that a request is about, whatever its name is by then, and even if it was deleted since. Throws NotFoundError. */
export async function lockModelOfRequest(trx: Transaction<Database>, id: string): Promise<LockedModel> {
  const model = await modelOfRequest(trx, id)
  const locked = await lockFormerModel(trx, model.id)
  if (locked === undefined) throw new Error(`the model of the approval request ${id} is gone`)
  return locked
}

/** The open requests of a model. */
export async function listPending(db: Kysely<Database>, modelId: number): Promise<ApprovalRow[]> {
  const rows = await db
    .selectFrom('approval_request')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('state', '=', sql.lit('pending'))
    .orderBy('version')
    .execute()
  return rows.map(asRequest)
}

/** The answers to a request in the order they came. */
export function listDecisions(db: Kysely<Database>, requestId: string): Promise<Decision[]> {
  return db.selectFrom('decision').selectAll().where('request_id', '=', requestId).orderBy('at').execute()
}

function asRequest(row: Selectable<ApprovalRequestTable>): ApprovalRow {
  return { ...row, lifecycle: readApproval(row) }
}
