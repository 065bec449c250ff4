// Telling others what happened. It is written down in the transaction of what happened, and sent by workers.
import type { Transaction } from 'kysely'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import type { LockedModel } from '../store/models.ts'
import { findModelTag } from '../store/tags.ts'
import type { VersionRow } from '../store/versions.ts'
import { appendDeliveries } from '../store/webhook-deliveries.ts'
import { bodyOf } from '../webhooks/body.ts'
import { type Happening, isPrompt, promptTag, tell } from '../webhooks/happenings.ts'

/** The model that something happened to; `lastSeq` is the newest of its history, which the event is numbered by. */
export type Publisher = Pick<LockedModel, 'id' | 'name' | 'lastSeq' | 'hasListeners'>

/**
 * Tells every webhook that wants to know of it, once the transaction has committed (A2); MLflow has no event for some
 * happenings, and then nothing is told. To be called after `recordEvent`, which numbers it and need not be waited for.
 * What is created or moves is told without a question asked first, so that it may be left to the commit.
 */
export function publish(
  trx: Transaction<Database>,
  model: Publisher,
  happening: Happening,
  by: Pick<Actor, 'traceId'>,
  now: Date,
): Promise<void> {
  if (!model.hasListeners) return Promise.resolve()
  const { id, name, lastSeq: sequence } = model
  const append = async (isPrompt: boolean): Promise<void> => {
    const told = tell(happening, { name, isPrompt, sequence })
    if (told === null) return
    const { entity, action } = told
    const version = 'version' in happening ? happening.version : null
    const event = { entity, action, body: bodyOf(told, now), model: name, version, sequence }
    await appendDeliveries(trx, { ...event, traceId: by.traceId })
  }
  // What is created says by its own tags whether it is a prompt; of what is changed later the model's do. MLflow moves
  // no prompt.
  switch (happening.kind) {
    case 'modelCreated':
    case 'versionCreated':
      return append(isPrompt(happening.tags))
    case 'stageChanged':
      return append(false)
    default:
      return findModelTag(trx, id, promptTag).then((value) => append(isPrompt({ [promptTag]: value ?? '' })))
  }
}

/** {@link publish} of a version that was registered, with the tags it was given. */
export function publishRegistered(
  trx: Transaction<Database>,
  model: Publisher,
  version: VersionRow,
  tags: Record<string, string>,
  by: Actor,
  now: Date,
): Promise<void> {
  const { version: number, source, run_id: runId, description } = version
  const created = { kind: 'versionCreated', version: number, source, runId, tags, description } as const
  return publish(trx, model, created, by, now)
}

/** {@link publish} of a move, when it led to another stage. */
export async function publishMove(
  trx: Transaction<Database>,
  model: Publisher,
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
  await publish(trx, model, changed, by, now)
}
