import { InvalidInputError } from '../errors.ts'
import { type Stage, stageNamed } from '../machines/stages.ts'
import { archiveVersion, type Decided, getVersion, promoteVersion, validateVersion } from './api.ts'
import type { Connection } from './call.ts'
import { connect, type Options, versionNumber } from './registry.ts'

/** Which version is to go where. */
export type PromotionWish = {
  name: string
  version: number | string
  /** `Production` when left out; in any case, as in MLflow. */
  stage?: Exclude<Stage, 'None'> | undefined
  /** Whether the versions now in Production are archived; the policy decides when left out. */
  archiveExisting?: boolean | undefined
  /** Kept in the history. */
  reason?: string | undefined
}

/** What asking led to. Behind a gate that is seldom the move itself: people are asked first. */
export type Promotion = {
  /**
   * `promoted`, `moved`: it is there now. `already_there`: it was. `testing`: its checks run. `asked`, `counted`,
   * `duplicate`: an approval request is open, and this call opened it, was counted as an approval, or changed nothing.
   */
  outcome: Exclude<Decided['outcome'], 'already_live' | 'declined'> | 'already_there'
  name: string
  version: number
  /** Where the version is after the call. */
  stage: Stage
  state: string
  /** The approval request, where one is open or was decided. */
  requestId: string | null
  /** Versions that were archived by this. */
  replaced: number[]
  /** A sentence for people, where there is something to say. */
  why: string | null
}

type Step = Pick<Promotion, 'outcome'> & Partial<Pick<Promotion, 'requestId' | 'replaced' | 'why'>>

/**
 * Asks for a version's move to a stage. To Production: for an approver, on an open request, it is their approval;
 * otherwise it asks those who may decide. To Staging: its checks run, and take it there when they pass. No check is
 * ever skipped; where the policy lets any stage follow any other, MLflow's client moves a version without them. Throws
 * InvalidInputError for a stage that is none of these, and ApiError when the server refuses.
 */
export async function promoteModel(wish: PromotionWish, options: Options = {}): Promise<Promotion> {
  const to = await connect(options)
  const { name } = wish
  const version = versionNumber(wish.version)
  const step = await move(to, { ...wish, version, stage: readStage(wish.stage ?? 'Production') })
  const { stage, state } = await getVersion(to, name, version)
  return { name, version, stage, state, requestId: null, replaced: [], why: null, ...step }
}

// The types say it to programs in TypeScript alone.
function readStage(word: string): Exclude<Stage, 'None'> {
  const stage = stageNamed(word)
  if (stage !== null && stage !== 'None') return stage
  throw new InvalidInputError(
    `A version can be moved to Staging, Production or Archived, not to "${word}".`,
    'invalid_stage',
  )
}

type Move = PromotionWish & { version: number; stage: Exclude<Stage, 'None'> }

async function move(to: Connection, wish: Move): Promise<Step> {
  const { name, version, stage, reason } = wish
  if (stage === 'Production') return ask(to, wish)
  const before = await getVersion(to, name, version)
  if (before.stage === stage) return { outcome: 'already_there' }
  if (stage === 'Archived') {
    await archiveVersion(to, name, version, reason)
    return { outcome: 'moved' }
  }
  // Its checks began when it was registered, and are not begun twice.
  if (before.state !== 'validating') await validateVersion(to, name, version)
  return { outcome: 'testing' }
}

async function ask(to: Connection, wish: Move): Promise<Step> {
  const { archiveExisting: archive_existing, reason } = wish
  const decided = await promoteVersion(to, wish.name, wish.version, { archive_existing, reason })
  const { outcome, request_id: requestId = null, replaced = [], why = null } = decided
  if (outcome === 'declined') throw new Error('a promotion was answered as if it were a decline')
  return { outcome: outcome === 'already_live' ? 'already_there' : outcome, requestId, replaced, why }
}
