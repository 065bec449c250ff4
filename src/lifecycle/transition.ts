// Moving a version to a stage by hand, as MLflow's clients do.
//
// Invariants:
//   T1. Where the policy has no gate, any stage may follow any other, as in MLflow; nothing else differs.
//   T2. Behind a gate nobody is moved past a check or past the people who decide, whatever their role (V3, V5): a wish
//       for Production is a request for approval or an approver's answer to one, and nothing leads back to None.
//   T3. What a move archives is archived in the move's own transaction (V1).
import type { Kysely, Transaction } from 'kysely'
import { advanceIn } from '../lifecycle.ts'
import type { Stage } from '../machines/model-version.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { type LockedModel, lockModel } from '../store/models.ts'
import { inTransaction } from '../store/transaction.ts'
import { listVersionsIn, loadVersion, type VersionRef, type VersionRow } from '../store/versions.ts'
import type { Answerer } from './answer.ts'
import type { LifecycleDeps } from './deps.ts'
import { type PromotionOutcome, promoteIn } from './promotion.ts'

/** Why something was not done at once. */
export type Withheld =
  /** People were asked for their approval; nothing has changed yet. */
  | { kind: 'asked'; why: string; requestId: string | null }
  /** The caller may not do this. */
  | { kind: 'forbidden'; why: string }
  /** It is not possible as things stand. */
  | { kind: 'refused'; why: string }

export type TransitionOutcome = { kind: 'moved' } | Withheld

/** Which stage, and whether the other versions that are in it (Staging or Production) are archived. */
export type TransitionWish = { to: Stage; archiveExisting: boolean }

/**
 * Moves a version to a stage where its policy allows that (T1 to T3). Behind a gate, whether a promotion archives
 * the incumbent is the policy's affair; the wish can only add to it. Throws NotFoundError.
 */
export async function transitionStage(
  db: Kysely<Database>,
  ref: VersionRef,
  wish: TransitionWish,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<TransitionOutcome> {
  if (deps.policy.rulesFor(ref.name).rules.gate === 'none') return moveFreely(db, ref, wish, by, deps)
  return inTransaction(db, async (trx) => {
    const model = await lockModel(trx, ref.name)
    const version = await loadVersion(trx, model, ref.version)
    return wish.to === 'Production'
      ? askForProduction(trx, model, version, wish.archiveExisting, from, by, deps)
      : moveGated(trx, model, version, wish, from, by, deps)
  })
}

function moveFreely(
  db: Kysely<Database>,
  ref: VersionRef,
  { to, archiveExisting }: TransitionWish,
  by: Actor,
  deps: LifecycleDeps,
): Promise<TransitionOutcome> {
  const now = deps.now()
  const atOnce = { ...deps, now: () => now }
  return inTransaction(db, async (trx): Promise<TransitionOutcome> => {
    const model = await lockModel(trx, ref.name)
    const version = await loadVersion(trx, model, ref.version)
    const event = { type: 'move', to, gate: 'none', archiveExisting } as const
    const outcome = await advanceIn(trx, model, version, event, by, atOnce)
    if (outcome.kind === 'refused') throw new Error(`a free move from ${outcome.stage} was refused`)
    if (to === 'Staging' && archiveExisting) await archiveOthers(trx, model, version, by, atOnce)
    return { kind: 'moved' }
  })
}

// What a promotion archives is the lifecycle's affair; Staging is for many.
async function archiveOthers(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  for (const other of await listVersionsIn(trx, model, 'Staging')) {
    if (other.version === version.version) continue
    const cause = { reason: `version ${version.version} was moved to Staging` }
    await advanceIn(trx, model, other, { type: 'archive' }, by, deps, cause) // T3
  }
}

async function moveGated(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  { to, archiveExisting }: TransitionWish,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<TransitionOutcome> {
  const { stage } = version
  if (to === 'Archived') {
    if (stage === 'Archived') return { kind: 'moved' }
    if (!from.mayApprove) return forbidden('archive a version')
    await advanceIn(trx, model, version, { type: 'archive' }, by, deps)
    return { kind: 'moved' }
  }
  if (to === 'Staging') {
    if (archiveExisting && !from.mayApprove) return forbidden('archive the other versions in Staging')
    const outcome = await moveToStaging(trx, model, version, by, deps)
    if (outcome.kind === 'moved' && archiveExisting) await archiveOthers(trx, model, version, by, deps)
    return outcome
  }
  return stage === 'None'
    ? { kind: 'moved' }
    : refused(
        `Behind a gate no version goes back to None; register a new version of "${model.name}" instead.`,
      )
}

async function moveToStaging(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  by: Actor,
  deps: LifecycleDeps,
): Promise<TransitionOutcome> {
  const revalidate = () =>
    advanceIn(trx, model, version, { type: 'revalidate', freshId: deps.newId() }, by, deps)
  switch (`${version.stage}.${version.state}`) {
    case 'None.validating':
      return refused('Its validation is still running; it goes to Staging by itself when that passes.')
    case 'None.rejected':
      return refused(
        'Its validation failed; see `greenroom info` for the figures, and register a better version.',
      )
    case 'None.stuck':
    case 'None.idle':
      await revalidate()
      return refused(
        'It has not passed a validation; one was started, and it goes to Staging when that passes.',
      )
  }
  if (version.stage === 'Staging') return { kind: 'moved' }
  if (version.stage === 'Production')
    return refused('It is in Production; promote another version in its place, or archive it.')
  const restored = await advanceIn(trx, model, version, { type: 'restore' }, by, deps)
  if (restored.kind === 'moved') return { kind: 'moved' }
  await revalidate()
  return refused('It never passed a validation; one was started, and it goes to Staging when that passes.')
}

async function askForProduction(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  archiveExisting: boolean,
  from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<TransitionOutcome> {
  const wish = { reason: null, ...(archiveExisting && { archiveExisting }) }
  if (version.stage !== 'Archived')
    return outcomeOf(await promoteIn(trx, model, version, wish, from, by, deps))
  // One that was retired is asked about like any other, once it is back in Staging.
  if ((await advanceIn(trx, model, version, { type: 'restore' }, by, deps)).kind === 'refused')
    return refused('It never passed a validation; move it to Staging first, which has it checked.')
  const restored = await loadVersion(trx, model, version.version)
  return outcomeOf(await promoteIn(trx, model, restored, wish, from, by, deps))
}

function outcomeOf(promotion: PromotionOutcome): TransitionOutcome {
  switch (promotion.kind) {
    case 'promoted':
    case 'moved':
    case 'alreadyLive':
      return { kind: 'moved' }
    case 'counted': {
      const why = `Your approval was counted, ${promotion.have} of ${promotion.need}; others must approve it too.`
      return { kind: 'asked', why, requestId: promotion.requestId }
    }
    case 'asked':
      return { kind: 'asked', why: promotion.why, requestId: promotion.requestId }
    case 'testing': {
      const why = 'Approval was asked for: its tests run now, and people are asked when they pass.'
      return { kind: 'asked', why, requestId: null }
    }
    case 'duplicate':
      return { kind: 'asked', why: promotion.why, requestId: promotion.requestId }
    case 'refused':
      return { kind: 'forbidden', why: promotion.why }
    case 'declined':
    case 'closed':
    case 'stale':
    case 'notReady':
      return refused('why' in promotion ? promotion.why : 'It was declined.')
  }
}

function forbidden(what: string): TransitionOutcome {
  return { kind: 'forbidden', why: `Only an approver may ${what} behind a gate.` }
}

function refused(why: string): TransitionOutcome {
  return { kind: 'refused', why }
}
