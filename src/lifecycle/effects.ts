import type { Transaction } from 'kysely'
import { type Approval, beginApproval, decideApproval } from '../machines/decide.ts'
import type { ModelVersionEffect, ModelVersionEvent, Suite } from '../machines/model-version.ts'
import type { CheckRule, Rules } from '../policy/policy.ts'
import {
  type ApprovalRow,
  insertRequest,
  listPending,
  loadRequest,
  saveApproval,
} from '../store/approvals.ts'
import { cancelCommands, cancelDeadline } from '../store/cancelled-commands.ts'
import { appendCommands, type NewCommand } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import type { LockedModel } from '../store/models.ts'
import { leaveToCommit } from '../store/transaction.ts'
import { closeValidation, listChecks, openValidation } from '../store/validations.ts'
import { findIncumbent, listIncumbents, type VersionRow } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'

/** An event that an effect implies for a version of the same model, to be told in the same transaction. */
export type FollowUp = { version: number; event: ModelVersionEvent; reason: string | null }

/**
 * Makes a transition's effects true, inside its transaction: rows and commands now, and the events that
 * they imply for this or for other versions as a result. `version` is the state after the transition.
 */
export async function applyEffects(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  effects: ModelVersionEffect[],
  by: Actor,
  deps: LifecycleDeps,
): Promise<FollowUp[]> {
  const followUps: FollowUp[] = []
  for (const effect of effects) {
    switch (effect.type) {
      case 'startValidation':
        followUps.push(...(await startValidation(trx, model, version, effect, by, deps)))
        break
      case 'cancelValidation':
        await cancelValidation(trx, effect.validationId, deps)
        break
      case 'openRequest':
        await openRequest(trx, model, version, effect, by, deps)
        break
      case 'withdrawRequest':
        await endRequest(
          trx,
          model,
          await loadRequest(trx, effect.requestId),
          'withdraw',
          'the version left the wait for approval',
          deps,
        )
        break
      case 'archiveIncumbents':
        followUps.push(...(await supersede(trx, model, version)))
        break
    }
  }
  if (version.stage === 'Production') followUps.push(...(await breakOtherPins(trx, model, version, deps)))
  return followUps
}

/** Ends a pending request otherwise than by a decision, and has its message rewritten. */
export async function endRequest(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  how: 'withdraw' | 'pinBroken' | 'deadlinePassed',
  reason: string,
  deps: LifecycleDeps,
): Promise<boolean> {
  const now = deps.now()
  const next = decideApproval(
    request.lifecycle,
    how === 'deadlinePassed' ? { type: how, now: now.getTime() } : { type: how },
  )
  if (next === null) return false
  await closeRequest(trx, model, request, next, reason, deps)
  return true
}

/** Writes a request's final state, drops its deadline, and has its message rewritten. */
export async function closeRequest(
  trx: Transaction<Database>,
  model: LockedModel,
  request: ApprovalRow,
  next: Approval,
  reason: string | null,
  deps: LifecycleDeps,
): Promise<void> {
  await saveApproval(trx, request.id, next, { at: deps.now(), reason })
  await cancelDeadline(trx, request.id)
  await appendCommands(trx, [updateOf(model, request, deps)])
}

/** The command that rewrites a request's message to how the request stands. */
export function updateOf(model: LockedModel, request: ApprovalRow, deps: LifecycleDeps): NewCommand {
  return {
    id: deps.newId(),
    kind: 'updateRequest',
    payload: { requestId: request.id },
    model: model.name,
    version: request.version,
    traceId: request.trace_id,
  }
}

async function startValidation(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  effect: { validationId: string; suite: Suite },
  by: Actor,
  deps: LifecycleDeps,
): Promise<FollowUp[]> {
  const { rules, hash } = deps.policy.rulesFor(model.name)
  const id = effect.validationId
  const now = deps.now()
  const checks = rulesOf(rules, effect.suite).map((rule, position) => ({
    rule,
    command: {
      id: deps.newId(),
      kind: 'runCheck',
      payload: { validationId: id, position },
      model: model.name,
      version: version.version,
      traceId: by.traceId,
    } as const,
  }))
  const about = { modelId: model.id, version: version.version, suite: effect.suite, policyHash: hash, now }
  leaveToCommit(trx, openValidation(trx, { id, ...about }, checks))
  if (checks.length > 0) return []
  leaveToCommit(trx, closeValidation(trx, id, 'passed', null, now))
  const event = {
    type: 'validationPassed',
    validationId: id,
    gate: rules.gate,
    current: true,
    freshId: deps.newId(),
  } as const
  return [{ version: version.version, event, reason: 'the policy asks for no checks here' }]
}

function rulesOf(rules: Rules, suite: Suite): CheckRule[] {
  switch (suite) {
    case 'validate':
      return rules.validate
    case 'test':
      return rules.test
    case 'all':
      return [...rules.validate, ...rules.test]
  }
}

async function cancelValidation(trx: Transaction<Database>, id: string, deps: LifecycleDeps): Promise<void> {
  await closeValidation(trx, id, 'cancelled', null, deps.now())
  const checks = await listChecks(trx, id)
  await cancelCommands(
    trx,
    checks.filter((check) => check.verdict === null).map((check) => check.command_id),
  )
}

async function openRequest(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  effect: { requestId: string; validationId: string },
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  const { rules, hash } = deps.policy.rulesFor(model.name)
  const incumbentVersion = await findIncumbent(trx, model.id)
  const openedAt = deps.now()
  const { quorum, selfApproval, approvers, expiresMs } = rules.approval
  const expiresAt = expiresMs === null ? null : new Date(openedAt.getTime() + expiresMs)
  await insertRequest(
    trx,
    {
      id: effect.requestId,
      modelId: model.id,
      version: version.version,
      validationId: effect.validationId,
      digest: version.digest,
      policyHash: hash,
      incumbentVersion,
      archiveExisting: rules.archiveExisting,
      approvers,
      traceId: by.traceId,
      openedAt,
      expiresAt,
    },
    beginApproval({ quorum, selfApproval, expiresAt: expiresAt?.getTime() ?? null }),
  )
  const about = {
    payload: { requestId: effect.requestId },
    model: model.name,
    version: version.version,
    traceId: by.traceId,
  }
  const commands: NewCommand[] = [{ id: deps.newId(), kind: 'postRequest', ...about }]
  if (expiresAt !== null)
    commands.push({ id: deps.newId(), kind: 'expireRequest', runAt: expiresAt, ...about })
  await appendCommands(trx, commands)
}

async function supersede(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
): Promise<FollowUp[]> {
  const incumbents = await listIncumbents(trx, model.id)
  return incumbents
    .filter((incumbent) => incumbent !== version.version)
    .map((incumbent) => ({
      version: incumbent,
      event: { type: 'superseded', by: version.version },
      reason: `version ${version.version} was promoted`,
    }))
}

// Who was asked about another version was asked against an incumbent that is no longer there (V8).
async function breakOtherPins(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  deps: LifecycleDeps,
): Promise<FollowUp[]> {
  const followUps: FollowUp[] = []
  for (const request of await listPending(trx, model.id)) {
    if (request.version === version.version) continue
    const reason = `version ${version.version} went to Production in the meantime`
    if (await endRequest(trx, model, request, 'pinBroken', reason, deps))
      followUps.push({ version: request.version, event: { type: 'stale', requestId: request.id }, reason })
  }
  return followUps
}
