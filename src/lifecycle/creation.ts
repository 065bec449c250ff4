// Models and versions as MLflow makes them: a model by itself, and a version only of a model that is there.
import type { Kysely } from 'kysely'
import { type RegisterOutcome, type Registration, registerIn } from '../lifecycle.ts'
import { type Database, isUnavailable } from '../store/database.ts'
import { type Actor, recordEvent } from '../store/events.ts'
import { insertModel, lockModel } from '../store/models.ts'
import { saveModelTags } from '../store/tags.ts'
import { inTransaction } from '../store/transaction.ts'
import { takeTogether } from '../take-together.ts'
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

/** Registers a version of a model that must be there. Rejects with NotFoundError. */
export type CreateVersion = (
  registration: Registration,
  by: Actor,
  deps: LifecycleDeps,
) => Promise<RegisterOutcome>

type Wish = { registration: Registration; by: Actor; deps: LifecycleDeps }

// As many as a model is locked for without others noticing.
const mostTogether = 32

/**
 * Makes the function that registers versions. Those of one model that come while others of it are registered are
 * registered in one transaction, for each would wait for the model's lock anyway; when that fails, each by itself.
 */
export function makeCreateVersion(db: Kysely<Database>): CreateVersion {
  const createAll = (name: string, wishes: Wish[]): Promise<RegisterOutcome[]> =>
    inTransaction(db, async (trx) => {
      const model = await lockModel(trx, name)
      const outcomes: RegisterOutcome[] = []
      for (const { registration, by, deps } of wishes)
        outcomes.push(await registerIn(trx, model, registration, by, deps))
      return outcomes
    })
  const createOne = async (name: string, wish: Wish): Promise<RegisterOutcome> =>
    (await createAll(name, [wish]))[0] as RegisterOutcome
  const create = takeTogether<Wish, RegisterOutcome>(async (name, wishes) => {
    try {
      return await createAll(name, wishes)
    } catch (error) {
      if (wishes.length === 1 || isUnavailable(error)) throw error
      // The fault of one is not to be the others'.
      return wishes.map((wish) => createOne(name, wish))
    }
  }, mostTogether)
  return (registration, by, deps) => create(registration.name, { registration, by, deps })
}
