import type { Kysely } from 'kysely'
import { advanceIn } from '../lifecycle.ts'
import type { Stage } from '../machines/model-version.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { lockModel } from '../store/models.ts'
import { listVersionsIn, loadVersion, type VersionRef } from '../store/versions.ts'
import type { Answerer } from './answer.ts'
import type { LifecycleDeps } from './deps.ts'

/** Why something was not done at once. */
export type Withheld =
  /** People were asked for their approval; nothing has changed yet. */
  | { kind: 'asked'; why: string; requestId: string | null }
  /** It is not possible as things stand. */
  | { kind: 'refused'; why: string }

export type TransitionOutcome = { kind: 'moved' } | Withheld

/**
 * Moves a version to a stage, as MLflow's transition-stage: any stage to any stage where the policy has no gate.
 * With `archiveExisting` the other versions in that stage, Staging or Production, are archived in the same
 * transaction (V1). Throws NotFoundError.
 */
export function transitionStage(
  db: Kysely<Database>,
  ref: VersionRef,
  wish: { to: Stage; archiveExisting: boolean },
  _from: Answerer,
  by: Actor,
  deps: LifecycleDeps,
): Promise<TransitionOutcome> {
  const { to, archiveExisting } = wish
  const now = deps.now()
  const atOnce = { ...deps, now: () => now }
  return db.transaction().execute(async (trx): Promise<TransitionOutcome> => {
    const model = await lockModel(trx, ref.name)
    const version = await loadVersion(trx, model, ref.version)
    const { gate } = deps.policy.rulesFor(ref.name).rules
    const event = { type: 'move', to, gate, archiveExisting } as const
    const { kind } = await advanceIn(trx, model, version, event, by, atOnce)
    if (kind === 'refused')
      return { kind, why: `The policy of "${ref.name}" has a gate, so its versions are not moved by hand.` }
    // What a promotion archives is the lifecycle's affair; Staging is for many.
    if (to === 'Staging' && archiveExisting)
      for (const other of await listVersionsIn(trx, model, 'Staging')) {
        if (other.version === ref.version) continue
        const cause = { reason: `version ${ref.version} was moved to Staging` }
        await advanceIn(trx, model, other, { type: 'archive' }, by, atOnce, cause)
      }
    return { kind }
  })
}
