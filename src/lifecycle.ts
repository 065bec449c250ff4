// The one door through which a model version comes to be and changes.
//
// Invariants:
//   A1. Every change to a model's versions holds that model's row lock.
//   A2. State, history row and commands commit together, or none does (V2).
//   A3. No network and no artifact is touched inside the transaction: the world learns from commands.
//   A4. Whatever a promotion archives is archived in the promotion's transaction (V1).
import type { Kysely, Transaction } from 'kysely'
import type { LifecycleDeps } from './lifecycle/deps.ts'
import { applyEffects, type FollowUp } from './lifecycle/effects.ts'
import { passAliasesOn } from './lifecycle/protected-aliases.ts'
import { publish, publishMove, publishRegistered } from './lifecycle/publish.ts'
import { loggedModelIn } from './logged-model.ts'
import { beginLifecycle, decide, stageOf, stateOf } from './machines/decide.ts'
import type { ModelVersionEvent, Stage } from './machines/model-version.ts'
import { datasetTag } from './policy/policy.ts'
import { appendCommands, type CommandPayloads } from './store/commands.ts'
import type { Database } from './store/database.ts'
import { type Actor, recordEvent } from './store/events.ts'
import { ensureModel, type LockedModel, lockModel } from './store/models.ts'
import { inTransaction, leaveToCommit } from './store/transaction.ts'
import {
  findFormerVersion,
  insertVersion,
  loadVersion,
  markExclusive,
  movedTo,
  newVersion,
  saveLifecycle,
  type VersionRef,
  type VersionRow,
} from './store/versions.ts'

/** A model version as somebody registers it. Texts are free of NUL and lone surrogates. */
export type Registration = {
  name: string
  source: string
  /** The number it must have; null takes the next one. */
  version: number | null
  runId: string | null
  metrics: Record<string, number>
  tags: Record<string, string>
  description: string | null
  author: string | null
  /** `sha256:<hex>`. */
  digest: string | null
  /** Where the run can be looked at. */
  runLink?: string | null
  /** Where to load it from, when that is not its source. */
  downloadUri?: string | null
}

/** Where a version stands after something was asked of it. */
export type Standing = { name: string; version: number; stage: Stage; state: string }

export type RegisterOutcome =
  | ({ kind: 'registered' } & Standing)
  /** The same version had been registered before; nothing changed (V7). */
  | ({ kind: 'duplicate' } & Standing)
  /** The number is taken by something else. */
  | ({ kind: 'conflict'; why: string } & Standing)

/** The event was accepted, or the version's state does not allow it. */
export type AdvanceOutcome = ({ kind: 'moved' } & Standing) | ({ kind: 'refused' } & Standing)

/** Why something is done, in a person's words, and figures for the history. */
export type Cause = { reason?: string | null; detail?: Record<string, unknown> }

/** Registers a version: its row, first history row and first commands commit together (A2). */
export function register(
  db: Kysely<Database>,
  registration: Registration,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RegisterOutcome> {
  return inTransaction(db, async (trx) => {
    const model = await ensureModel(trx, registration.name, deps.now()) // A1
    return registerIn(trx, model, registration, by, deps)
  })
}

/** {@link register}, inside a transaction that has locked the model and holds what led to it, such as a claimed delivery. */
export async function registerIn(
  trx: Transaction<Database>,
  model: LockedModel,
  registration: Registration,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RegisterOutcome> {
  const now = deps.now()
  const number = registration.version ?? model.nextVersion
  // Whoever makes a model by itself has that in its history.
  const isNewModel = model.lastSeq === 0
  if (registration.version !== null) {
    const existing = await findFormerVersion(trx, model.id, number)
    if (existing !== undefined) return alreadyThere(model, existing, registration)
  }
  model.nextVersion = Math.max(model.nextVersion, number + 1) // V11
  const { gate, validate } = deps.policy.rulesFor(model.name).rules
  // As in MLflow: what nobody checks and nobody is asked about stays where it is until somebody moves it.
  const isLeftAlone = gate === 'none' && validate.length === 0
  const { next, effects } = beginLifecycle(isLeftAlone ? null : deps.newId())
  const { tags, ...facts } = registration
  const version = newVersion(
    model,
    { ...facts, version: number, registeredBy: by.principal, traceId: by.traceId },
    next,
    now,
  )
  const detail = {
    source: version.source,
    runId: version.run_id,
    digest: version.digest,
    author: version.author,
  }
  const entry = { version: number, type: 'registered', from: null, to: version, detail }
  leaveToCommit(trx, insertVersion(trx, version, tags), recordEvent(trx, model, entry, by, now)) // A2
  if (isNewModel) {
    const created = { kind: 'modelCreated', tags: {}, description: null } as const
    leaveToCommit(trx, publish(trx, model, created, by, now))
  }
  leaveToCommit(trx, publishRegistered(trx, model, version, tags, by, now))
  const followUps = await applyEffects(trx, model, version, effects, by, deps)
  leaveToCommit(trx, readDataset(trx, model, version, tags, deps))
  await follow(trx, model, followUps, by, deps)
  const { stage, state } = followUps.length === 0 ? version : await loadVersion(trx, model, number)
  return { kind: 'registered', name: model.name, version: number, stage, state }
}

// Its run is known to the logged model that a version is, and what it was trained on to its run, where nobody said it.
async function readDataset(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  tags: Record<string, string>,
  deps: LifecycleDeps,
): Promise<void> {
  const payload = whatToRead(version, tags)
  if (!deps.readsRuns || payload === null) return
  const about = { model: model.name, version: version.version, traceId: version.trace_id }
  await appendCommands(trx, [{ id: deps.newId(), kind: 'readDataset', payload, ...about }])
}

function whatToRead(
  { run_id: runId, download_uri: uri, source }: VersionRow,
  tags: Record<string, string>,
): CommandPayloads['readDataset'] | null {
  if (runId !== null) return Object.hasOwn(tags, datasetTag) ? null : { runId }
  const modelId = loggedModelIn(uri ?? source)
  return modelId === null ? null : { modelId }
}

/** Tells one event to one version's lifecycle, and commits what follows from it (A1 to A4). */
export function advance(
  db: Kysely<Database>,
  ref: VersionRef,
  event: ModelVersionEvent,
  by: Actor,
  deps: LifecycleDeps,
  cause: Cause = {},
): Promise<AdvanceOutcome> {
  return inTransaction(db, async (trx) => {
    const model = await lockModel(trx, ref.name) // A1
    const version = await loadVersion(trx, model, ref.version)
    return advanceIn(trx, model, version, event, by, deps, cause)
  })
}

/** {@link advance}, on a model that this transaction has locked and a version that it has loaded since. */
export async function advanceIn(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  event: ModelVersionEvent,
  by: Actor,
  deps: LifecycleDeps,
  cause: Cause = {},
): Promise<AdvanceOutcome> {
  const now = deps.now()
  const { version: number, stage, state } = version
  const decision = decide(version.lifecycle, event)
  if (decision.kind === 'refused') return { kind: 'refused', name: model.name, version: number, stage, state }
  const moved = movedTo(version, decision.next, { seq: model.lastSeq + 1, now })
  const entry = { version: number, type: event.type, from: version, to: moved, ...cause }
  leaveToCommit(trx, saveLifecycle(trx, moved), recordEvent(trx, model, entry, by, now)) // A2
  leaveToCommit(trx, publishMove(trx, model, version, moved, by, cause.reason ?? null, now))
  const followUps = await applyEffects(trx, model, moved, decision.effects, by, deps)
  await follow(trx, model, followUps, by, deps) // A4
  if (moved.stage === 'Production' && archivesOthers(event)) await markExclusive(trx, moved)
  if (version.stage === 'Production' && moved.stage !== 'Production')
    await passAliasesOn(trx, model, moved, event.type === 'superseded' ? event.by : null, by, deps)
  return {
    kind: 'moved',
    name: model.name,
    version: number,
    stage: stageOf(decision.next),
    state: stateOf(decision.next),
  }
}

async function follow(
  trx: Transaction<Database>,
  model: LockedModel,
  followUps: FollowUp[],
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  for (const { version, event, reason } of followUps)
    await advanceIn(trx, model, await loadVersion(trx, model, version), event, by, deps, { reason })
}

function archivesOthers(event: ModelVersionEvent): boolean {
  return event.type === 'rollback' || ('archiveExisting' in event && event.archiveExisting)
}

function alreadyThere(model: LockedModel, existing: VersionRow, wanted: Registration): RegisterOutcome {
  const standing = {
    name: model.name,
    version: existing.version,
    stage: existing.stage,
    state: existing.state,
  }
  const other = 'leave out the version to take the next number.'
  if (existing.deleted_at !== null) {
    const why = `Version ${existing.version} of "${model.name}" was deleted, and its number is not given again; ${other}`
    return { kind: 'conflict', why, ...standing } // V11
  }
  const sameDigest = wanted.digest === null || existing.digest === null || wanted.digest === existing.digest
  if (existing.source === wanted.source && sameDigest) return { kind: 'duplicate', ...standing }
  const why = `Version ${existing.version} of "${model.name}" is already registered with another source or digest; ${other}`
  return { kind: 'conflict', why, ...standing }
}
