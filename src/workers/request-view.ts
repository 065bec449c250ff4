import type { Kysely } from 'kysely'
import { NotFoundError } from '../errors.ts'
import type { CheckView, RequestView, VersionView } from '../notifiers/notifier.ts'
import { type ApprovalRow, listDecisions, loadRequest, modelOfRequest } from '../store/approvals.ts'
import type { Database } from '../store/database.ts'
import { listTags } from '../store/tags.ts'
import { listChecks, listValidations } from '../store/validations.ts'
import { findFormerVersion, type VersionRow } from '../store/versions.ts'

/** Collects what people are shown of a request as it stands now. Throws NotFoundError when there is none. */
export async function loadRequestView(db: Kysely<Database>, requestId: string): Promise<RequestView> {
  const request = await loadRequest(db, requestId)
  const { name: model } = await modelOfRequest(db, requestId)
  const candidate = await loadView(db, request.model_id, request.version)
  if (candidate === null) throw new NotFoundError(`There is no version ${request.version} of "${model}".`)
  const incumbent =
    request.incumbent_version === null
      ? null
      : await loadView(db, request.model_id, request.incumbent_version)
  const decisions = await listDecisions(db, requestId)
  return {
    id: request.id,
    model,
    state: request.state,
    candidate,
    incumbent,
    archiveExisting: request.archive_existing,
    checks: await loadChecks(db, request),
    approvers: request.approvers,
    quorum: request.lifecycle.context.quorum,
    decisions: decisions.map(({ principal, answer, reason, at }) => ({ principal, answer, reason, at })),
    openedAt: request.opened_at,
    expiresAt: request.expires_at,
    closedAt: request.closed_at,
    outcomeReason: request.outcome_reason,
    traceId: request.trace_id,
  }
}

// What was deleted is still told of: whoever was asked about it must see that nothing is asked any more.
async function loadView(db: Kysely<Database>, modelId: number, number: number): Promise<VersionView | null> {
  const row = await findFormerVersion(db, modelId, number)
  return row === undefined ? null : asView(row, await listTags(db, modelId, number))
}

function asView(row: VersionRow, tags: Record<string, string>): VersionView {
  const { version, stage, source, digest, author, description, metrics } = row
  return { version, stage, source, digest, author, description, metrics, tags, runId: row.run_id }
}

// The last passed checks before Staging, then the tests that opened the request.
async function loadChecks(db: Kysely<Database>, request: ApprovalRow): Promise<CheckView[]> {
  const validations = await listValidations(db, request.model_id, request.version)
  const before = validations.find(
    (validation) => validation.suite !== 'test' && validation.status === 'passed',
  )
  const asked = validations.find((validation) => validation.id === request.validation_id)
  const shown = asked?.suite === 'all' ? [asked] : [before, asked]
  const checks = await Promise.all(
    shown.filter((validation) => validation !== undefined).map((validation) => listChecks(db, validation.id)),
  )
  return checks
    .flat()
    .map(({ rule, verdict, summary, measured }) => ({ kind: rule.kind, verdict, summary, measured }))
}
