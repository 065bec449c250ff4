// Models and versions as MLflow makes them: a model by itself, and a version only of a model that is there.
import type { Kysely } from 'kysely'
import { type RegisterOutcome, type Registration, registerIn } from '../lifecycle.ts'
import type { Database } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import { insertModel, lockModel } from '../store/models.ts'
import { saveModelTags } from '../store/tags.ts'
import { inTransaction } from '../store/transaction.ts'
import type { LifecycleDeps } from './deps.ts'
import { publish } from './publish.ts'

/** A model as somebody makes it. Texts are free of NUL and lone surrogates. */
export type NewModel = { name: string; description: string; tags: Record<string, string> }

/** Makes a model that has no versions yet; `taken`: there is one of that name. */
export function createModel(
  db: Kysely<Database>,
  { tags, ...wanted }: NewModel,
  by: Actor,
  deps: LifecycleDeps,
): Promise<'created' | 'taken'> {
  const now = deps.now()
  return inTransaction(db, async (trx) => {
    const model = await insertModel(trx, wanted, now)
    if (model === undefined) return 'taken'
    await Promise.all([
      Object.keys(tags).length > 0 && saveModelTags(trx, model, tags),
      recordEvent(trx, model, { version: null, type: 'modelCreated', from: null, to: null }, by, now),
      publish(trx, model, { kind: 'modelCreated', tags, description: wanted.description }, by, now),
    ])
    return 'created'
  })
}

/** Registers a version of a model that must be there. Throws NotFoundError. */
export function createVersion(
  db: Kysely<Database>,
  registration: Registration,
  by: Actor,
  deps: LifecycleDeps,
): Promise<RegisterOutcome> {
  return inTransaction(db, async (trx) =>
    registerIn(trx, await lockModel(trx, registration.name), registration, by, deps),
  )
}
