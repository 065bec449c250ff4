// From rows to what the API answers. All of it is pure.

import type { Selectable } from 'kysely'
import { datasetTag } from '../../policy/policy.ts'
import type { ModelSummary, RequestRecord, VersionRecord, VersionSummary } from '../../store/reads.ts'
import type { EventTable } from '../../store/schema.ts'
import type { TokenRow } from '../../store/tokens.ts'
import type { CheckResult } from '../../store/validations.ts'
import type { DeliveryRecord } from '../../store/webhook-deliveries.ts'
import { rolesIn } from '../roles.ts'

type TimeKeys<T> = { [K in keyof T]: T[K] extends Date | null ? K : never }[keyof T]

/** A row with its named times as ISO 8601. */
function withTimes<T extends object, K extends TimeKeys<T>>(row: T, ...names: K[]) {
  const times = names.map((name) => [name, isoOf(row[name] as Date | null)])
  return { ...row, ...Object.fromEntries(times) } as Omit<T, K> & {
    [P in K]: T[P] extends Date ? string : string | null
  }
}

function isoOf(time: Date | null): string | null {
  return time === null ? null : time.toISOString()
}

/** A model in a list. */
export function viewModelSummary(model: ModelSummary) {
  return withTimes(model, 'updated_at')
}

/** A version in a list. */
export function viewVersionSummary(version: VersionSummary) {
  return withTimes(version, 'created_at', 'updated_at')
}

/** A version with all that belongs to it. */
export function viewVersion(record: VersionRecord) {
  const { version, validations, request } = record
  return {
    ...withTimes(version, 'created_at', 'updated_at'),
    name: record.name,
    tags: record.tags,
    dataset: record.tags[datasetTag] ?? null,
    checks: currentChecks(validations).map(viewCheck),
    validations: validations.map((run) => ({
      ...withTimes(run, 'opened_at', 'closed_at'),
      checks: run.checks.map(viewCheck),
    })),
    approval: request === null ? null : viewApproval(request),
  }
}

/** An approval request with the answers it has. */
export function viewApproval(request: RequestRecord) {
  return {
    ...withTimes(request, 'opened_at', 'expires_at', 'closed_at'),
    quorum: request.lifecycle.context.quorum,
    decisions: request.decisions.map((decision) => withTimes(decision, 'at')),
  }
}

/** One row of a model's history. */
export function viewEvent(event: Selectable<EventTable>) {
  const { from_stage, from_state, to_stage, to_state } = event
  return {
    ...withTimes(event, 'at'),
    from: placeOf(from_stage, from_state),
    to: placeOf(to_stage, to_state),
  }
}

function placeOf(stage: string | null, state: string | null) {
  return stage === null || state === null ? null : { stage, state }
}

/** A token, without anything that would let somebody in. */
export function viewToken(row: TokenRow) {
  return {
    ...withTimes(row, 'created_at', 'expires_at', 'revoked_at'),
    name: row.principal,
    roles: rolesIn(row.roles),
  }
}

/** A delivery to a webhook with what came of every attempt. */
export function viewDelivery({ webhook_id: _, log, ...delivery }: DeliveryRecord) {
  return {
    ...withTimes(delivery, 'created_at', 'ended_at'),
    log: log.map(({ delivery_id: _, ...attempt }) => withTimes(attempt, 'at')),
  }
}

function viewCheck({ rule, ...check }: CheckResult) {
  return { ...withTimes(check, 'started_at', 'finished_at'), check: rule.kind }
}

// What counts now: the newest run of the checks before Staging, and the newest of those in Staging since then.
function currentChecks(validations: VersionRecord['validations']): CheckResult[] {
  const runs = validations.filter((run) => run.status !== 'cancelled')
  const before = runs.find((run) => run.suite !== 'test')
  const since = runs.find(
    (run) => run.suite === 'test' && (before === undefined || run.opened_at >= before.opened_at),
  )
  return [before, since].flatMap((run) => run?.checks ?? [])
}
