import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import { promote } from '../../src/lifecycle/promotion.ts'
import { register } from '../../src/lifecycle.ts'
import type { Database } from '../../src/store/database.ts'
import { findBrokenLink } from '../../src/store/events.ts'
import { findModel } from '../../src/store/models.ts'
import { findVersion, listIncumbents } from '../../src/store/versions.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { withoutModelLock } from '../helpers/mutants.ts'
import { policyOf } from '../helpers/policies.ts'

// No checks, so that a round is about promotion alone; everybody may approve.
const gated = lifecycleDeps(policyOf('defaults: { validate: [], test: [] }'))
const ungated = lifecycleDeps(policyOf('defaults: { gate: none, validate: [], test: [] }'))
const yes = { answer: 'approve', reason: null } as const
const rounds = 300 // 0 failures in 300 bound the rate below 1 %

let test: TestDatabase
beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

type Round = { settled: string[]; inProduction: number[]; brokenLink: number | null }

/** Has four people each promote one version of a new model, all at once. */
async function race(db: Kysely<Database>, name: string, deps: typeof gated): Promise<Round> {
  const versions = []
  for (let n = 0; n < 4; n++) versions.push(await register(test.db, registration(name), actor('ci'), deps))
  const results = await Promise.allSettled(
    versions.map((version, index) => {
      const who = `p${index}`
      return promote(db, version, { reason: null }, { name: who, mayApprove: true }, actor(who), deps)
    }),
  )
  const model = await findModel(test.db, name)
  if (model === undefined) throw new Error('the model was not registered')
  return {
    settled: results
      .map((result) => (result.status === 'fulfilled' ? result.value.kind : 'threw'))
      .toSorted(),
    inProduction: await listIncumbents(test.db, model.id),
    brokenLink: await findBrokenLink(test.db, model.id),
  }
}

describe('four versions promoted at once', () => {
  it(`never leave two in Production, nor none, in ${rounds} ungated rounds (V1)`, {
    timeout: 180_000,
  }, async () => {
    for (let round = 0; round < rounds; round++) {
      const { settled, inProduction, brokenLink } = await race(test.db, `m${round}`, ungated)
      expect(settled).toEqual(['moved', 'moved', 'moved', 'moved'])
      expect(inProduction).toHaveLength(1)
      expect(brokenLink).toBeNull()
    }
  })

  it(`go to Production one alone in ${rounds} gated rounds, and the others are told (V1, V8)`, {
    timeout: 180_000,
  }, async () => {
    for (let round = 0; round < rounds; round++) {
      const { settled, inProduction, brokenLink } = await race(test.db, `m${round}`, gated)
      expect(settled.filter((kind) => kind === 'promoted')).toHaveLength(1)
      expect(settled.filter((kind) => ['closed', 'testing', 'promoted'].includes(kind))).toHaveLength(4)
      expect(inProduction).toHaveLength(1)
      expect(brokenLink).toBeNull()
    }
  })

  it('do leave several there on a build without the lock and without the index', async () => {
    await sql`drop index one_exclusive_production`.execute(test.db)
    // The history's own key would stop the race as well; this build lacks that too.
    await sql`alter table event drop constraint event_pkey`.execute(test.db)
    const broken = test.db.withPlugin(withoutModelLock)
    let several = 0
    for (let round = 0; round < 20; round++)
      if ((await race(broken, `m${round}`, ungated)).inProduction.length > 1) several++
    expect(several).toBeGreaterThan(0)
  })
})

describe('eight people who answer one request at once', () => {
  const answers = Array.from({ length: 8 }, (_, index) =>
    index % 2 === 0 ? yes : ({ answer: 'decline', reason: 'no' } as const),
  )
  async function answerAtOnce(
    db: Kysely<Database>,
    name: string,
  ): Promise<{ kinds: string[]; decisions: number }> {
    await register(test.db, registration(name), actor('ci'), gated)
    const requestId = (await findVersion(test.db, { name, version: 1 }))?.lifecycle.context.requestId
    if (requestId == null) throw new Error('nobody was asked')
    const outcomes = await Promise.allSettled(
      answers.map((answer, index) => {
        const who = `p${index}`
        return answerRequest(db, requestId, answer, { name: who, mayApprove: true }, actor(who), gated)
      }),
    )
    const decisions = await test.db
      .selectFrom('decision')
      .selectAll()
      .where('request_id', '=', requestId)
      .execute()
    const kinds = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.kind : 'threw'))
    return { kinds, decisions: decisions.length }
  }

  it('reach one outcome, the first, and everybody else is told so (V4)', async () => {
    for (let round = 0; round < 100; round++) {
      const { kinds, decisions } = await answerAtOnce(test.db, `m${round}`)
      expect(kinds.filter((kind) => kind === 'promoted' || kind === 'declined')).toHaveLength(1)
      expect(kinds.filter((kind) => kind === 'closed')).toHaveLength(7)
      expect(decisions).toBe(1)
    }
  })

  it('do not, on a build without the lock', async () => {
    const broken = test.db.withPlugin(withoutModelLock)
    let wrong = 0
    for (let round = 0; round < 10; round++) {
      const { kinds, decisions } = await answerAtOnce(broken, `m${round}`)
      if (decisions !== 1 || kinds.includes('threw')) wrong++
    }
    expect(wrong).toBeGreaterThan(0)
  })
})
