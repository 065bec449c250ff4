import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NotFoundError } from '../../src/errors.ts'
import { createModel, makeCreateVersion } from '../../src/lifecycle/creation.ts'
import { isUnavailable } from '../../src/store/database.ts'
import { findBrokenLink } from '../../src/store/events.ts'
import { findModel } from '../../src/store/models.ts'
import { openAwayDatabase, openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'

const deps = lifecycleDeps(policyOf('defaults: { gate: none, validate: [], test: [] }'))
const by = actor('ci')

let test: TestDatabase
beforeEach(async () => {
  test = await openTestDatabase()
  await createModel(test.db, { name: 'm', description: '', tags: {} }, by, deps)
})
afterEach(() => test.close())

/** Registers a version with each of these descriptions, all at once. */
function createAtOnce(descriptions: string[]) {
  const create = makeCreateVersion(test.db)
  return Promise.allSettled(
    descriptions.map((description) => create(registration('m', { description }), by, deps)),
  )
}

async function readVersions(): Promise<{ version: number; description: string | null; xid: string }[]> {
  return test.db
    .selectFrom('every_model_version')
    .select(['version', 'description', sql<string>`xmin::text`.as('xid')])
    .orderBy('version')
    .execute()
}

async function brokenLink(): Promise<number | null> {
  const model = await findModel(test.db, 'm')
  return findBrokenLink(test.db, model?.id ?? 0)
}

describe('versions of one model that come at once', () => {
  it('have a number each, in a few transactions, and one whole history', async () => {
    const descriptions = Array.from({ length: 100 }, (_, index) => `number ${index + 1}`)
    const ends = await createAtOnce(descriptions)
    const versions = await readVersions()
    expect(versions.map(({ version }) => version)).toEqual(descriptions.map((_, index) => index + 1))
    expect(versions.map(({ description }) => description)).toEqual(descriptions)
    expect(ends).toEqual(
      descriptions.map((_, index) => ({
        status: 'fulfilled',
        value: { kind: 'registered', name: 'm', version: index + 1, stage: 'None', state: 'idle' },
      })),
    )
    // The first by itself, and then at most 32 together.
    expect(new Set(versions.map(({ xid }) => xid)).size).toBe(5)
    expect(await brokenLink()).toBeNull()
  })

  it('do not share the fault of one of them', async () => {
    // A text that the database cannot hold.
    const ends = await createAtOnce(['a', 'b', '\0', 'c', 'd'])
    expect(ends.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    const versions = await readVersions()
    expect(versions.map(({ version }) => version)).toEqual([1, 2, 3, 4])
    expect(versions.map(({ description }) => description).toSorted()).toEqual(['a', 'b', 'c', 'd'])
    expect(await brokenLink()).toBeNull()
  })
})

it('a version of a model that is not there is refused, however many come', async () => {
  const create = makeCreateVersion(test.db)
  const ends = await Promise.allSettled([1, 2, 3].map(() => create(registration('other'), by, deps)))
  for (const end of ends) expect(end).toMatchObject({ status: 'rejected', reason: expect.any(NotFoundError) })
})

it('with the database away each is told so, and may try again', async () => {
  const away = openAwayDatabase()
  const create = makeCreateVersion(away)
  const ends = await Promise.allSettled([1, 2, 3].map(() => create(registration('m'), by, deps)))
  await away.destroy()
  for (const end of ends) expect(end.status === 'rejected' && isUnavailable(end.reason)).toBe(true)
})
