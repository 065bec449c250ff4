// Telling others what happened. It is written down in the transaction of what happened, and sent by workers.
import type { Transaction } from 'kysely'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import type { LockedModel } from '../store/models.ts'
import type { VersionRow } from '../store/versions.ts'
import { appendDeliveries } from '../store/webhook-deliveries.ts'
import { bodyOf } from '../webhooks/body.ts'
import { type Happening, isPrompt, tell } from '../webhooks/happenings.ts'

/** The model that something happened to: its name, and the newest `seq` of its history. */
export type Publisher = Pick<LockedModel, 'name' | 'lastSeq'> & {
  /** Prompts are models with a tag; others are told of them under names of their own. */
  isPrompt: boolean
}

/** Tells every webhook that wants to know, once the transaction has committed (A2). To be called after the history row. */
export async function publish(
  trx: Transaction<Database>,
  { name, lastSeq: sequence, isPrompt }: Publisher,
  happening: Happening,
  by: Pick<Actor, 'traceId'>,
  now: Date,
): Promise<void> {
  const told = tell(happening, { name, isPrompt, sequence })
  if (told === null) return
  const { entity, action } = told
  const version = 'version' in happening ? happening.version : null
  const { traceId } = by
  await appendDeliveries(trx, {
    entity,
    action,
    body: bodyOf(told, now),
    model: name,
    version,
    sequence,
    traceId,
  })
}

/** {@link publish} of a version that was registered, with the tags it was given. */
export async function publishRegistered(
  trx: Transaction<Database>,
  model: LockedModel,
  version: VersionRow,
  tags: Record<string, string>,
  by: Actor,
  now: Date,
): Promise<void> {
  const { version: number, source, run_id: runId, description } = version
  const created = { kind: 'versionCreated', version: number, source, runId, tags, description } as const
  await publish(trx, { ...model, isPrompt: isPrompt(tags) }, created, by, now)
}

/** {@link publish} of a move, when it led to another stage. */
export async function publishMove(
  trx: Transaction<Database>,
  model: LockedModel,
  from: VersionRow,
  to: VersionRow,
  by: Actor,
  reason: string | null,
  now: Date,
): Promise<void> {
  if (from.stage === to.stage) return
  const { version } = to
  const actor = by.principal
  const changed = { kind: 'stageChanged', version, from: from.stage, to: to.stage, actor, reason } as const
  await publish(trx, { ...model, isPrompt: false }, changed, by, now)
}
