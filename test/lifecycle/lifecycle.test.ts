import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeVersion } from '../../src/lifecycle/annotations.ts'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import { promote } from '../../src/lifecycle/promotion.ts'
import { advance, register } from '../../src/lifecycle.ts'
import { findBrokenLink, listEvents } from '../../src/store/events.ts'
import { lockModel } from '../../src/store/models.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { listValidations } from '../../src/store/validations.ts'
import { findVersion, listIncumbents } from '../../src/store/versions.ts'
import { openTestDatabase, type TestDatabase, untilWaiting } from '../helpers/database.ts'
import { actor, lifecycleDeps, registerToApproval, registration, runChecks } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'

const deps = lifecycleDeps()
const alice = { name: 'alice', mayApprove: true }
const yes = { answer: 'approve', reason: null } as const
let test: TestDatabase

beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

async function standingOf(name: string, version: number): Promise<string> {
  const row = await findVersion(test.db, { name, version })
  return `${row?.stage}.${row?.state}`
}

describe('registering', () => {
  it('gives the first version number 1 and starts its validation in the same transaction', async () => {
    const outcome = await register(test.db, registration('m'), actor('ci'), deps)
    expect(outcome).toEqual({ kind: 'registered', name: 'm', version: 1, stage: 'None', state: 'validating' })
    const [event] = await listEvents(test.db, 1, { limit: 10 })
    expect(event).toMatchObject({
      seq: 1,
      type: 'registered',
      actor: 'ci',
      to_stage: 'None',
      from_stage: null,
    })
  })

  it('answers a repeated version as a duplicate and changes nothing (V7)', async () => {
    await register(test.db, registration('m', { version: 3 }), actor('ci'), deps)
    const again = await register(test.db, registration('m', { version: 3 }), actor('ci'), deps)
    expect(again.kind).toBe('duplicate')
    expect(await listEvents(test.db, 1, { limit: 10 })).toHaveLength(1)
  })

  it('refuses a version number that is taken by another source', async () => {
    await register(test.db, registration('m', { version: 3 }), actor('ci'), deps)
    const other = await register(
      test.db,
      registration('m', { version: 3, source: 'file:///other' }),
      actor('ci'),
      deps,
    )
    expect(other.kind).toBe('conflict')
  })

  it('never gives a number twice, also when versions arrive out of order and in parallel (V11)', async () => {
    await register(test.db, registration('m', { version: 5 }), actor('ci'), deps)
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, () => register(test.db, registration('m'), actor('ci'), deps)),
    )
    expect(outcomes.map((outcome) => outcome.version).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 16 }, (_, index) => index + 6),
    )
  })
})

describe('validation', () => {
  it('takes a version whose checks pass to Staging and asks people', async () => {
    await registerToApproval(test.db, deps, 'm')
    expect(await standingOf('m', 1)).toBe('Staging.awaitingApproval')
  })

  it.each([
    ['failed', 'None.rejected'],
    ['inconclusive', 'None.rejected'],
    ['errored', 'None.stuck'],
  ] as const)('leaves a version whose check %s in %s', async (verdict, standing) => {
    await register(test.db, registration('m'), actor('ci'), deps)
    await runChecks(test.db, deps, verdict)
    expect(await standingOf('m', 1)).toBe(standing)
  })

  it('goes straight to Staging where the policy asks for no checks at all', async () => {
    const none = lifecycleDeps(policyOf('defaults: { validate: [], test: [] }'))
    const outcome = await register(test.db, registration('m'), actor('ci'), none)
    expect(outcome).toMatchObject({ kind: 'registered', stage: 'Staging', state: 'awaitingApproval' })
  })
})

describe('promotion', () => {
  it('archives the incumbent in the same transaction and keeps the history whole (V1, V2)', async () => {
    const first = await registerToApproval(test.db, deps, 'm')
    await answerRequest(test.db, first.requestId, yes, alice, actor('alice'), deps)
    const second = await registerToApproval(test.db, deps, 'm')
    const outcome = await answerRequest(test.db, second.requestId, yes, alice, actor('alice'), deps)
    expect(outcome).toMatchObject({ kind: 'promoted', replaced: [1] })
    expect([await standingOf('m', 1), await standingOf('m', 2)]).toEqual([
      'Archived.retired',
      'Production.live',
    ])
    const events = await listEvents(test.db, 1, { limit: 100 })
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.at(-1)).toMatchObject({ type: 'superseded', version: 1, reason: 'version 2 was promoted' })
    expect(await findBrokenLink(test.db, 1)).toBeNull()
  })

  it('keeps both in Production when archive_existing is false', async () => {
    const first = await registerToApproval(test.db, deps, 'm')
    await answerRequest(test.db, first.requestId, yes, alice, actor('alice'), deps)
    const second = await registerToApproval(test.db, deps, 'm')
    await answerRequest(
      test.db,
      second.requestId,
      { ...yes, archiveExisting: false },
      alice,
      actor('alice'),
      deps,
    )
    expect(await listIncumbents(test.db, 1)).toEqual([2, 1])
  })

  it('counts the version that came to Production last as the incumbent, whatever is said of another one since', async () => {
    const both = { ...yes, archiveExisting: false }
    for (let n = 0; n < 2; n++) {
      const { requestId } = await registerToApproval(test.db, deps, 'm')
      await answerRequest(test.db, requestId, both, alice, actor('alice'), deps)
    }
    const third = await registerToApproval(test.db, deps, 'm')
    await describeVersion(test.db, { name: 'm', version: 1 }, 'a better word', new Date())
    const outcome = await answerRequest(test.db, third.requestId, both, alice, actor('alice'), deps)
    expect(outcome.kind).toBe('promoted')
    expect(await listIncumbents(test.db, 1)).toEqual([3, 2, 1])
  })

  it('makes every other open request stale, since it was asked against another incumbent (V8)', async () => {
    const first = await registerToApproval(test.db, deps, 'm')
    const second = await registerToApproval(test.db, deps, 'm')
    await answerRequest(test.db, first.requestId, yes, alice, actor('alice'), deps)
    expect(await standingOf('m', 2)).toBe('Staging.ready')
    const late = await answerRequest(test.db, second.requestId, yes, alice, actor('alice'), deps)
    expect(late).toMatchObject({ kind: 'closed', state: 'stale' })
  })

  it('is asked for again with all checks when another went to Production meanwhile (V8)', async () => {
    const first = await registerToApproval(test.db, deps, 'm')
    const second = await registerToApproval(test.db, deps, 'm')
    const no = { answer: 'decline', reason: 'not yet' } as const
    await answerRequest(test.db, second.requestId, no, alice, actor('alice'), deps)
    const [approved, asked] = await inTransaction(test.db, async (trx) => {
      await lockModel(trx, 'm')
      const approving = answerRequest(test.db, first.requestId, yes, alice, actor('alice'), deps)
      await untilWaiting(test.db, 1)
      const wish = { reason: null }
      const asking = promote(test.db, { name: 'm', version: 2 }, wish, alice, actor('alice'), deps)
      await untilWaiting(test.db, 2)
      return [() => approving, () => asking] as const
    })
    expect([await approved(), await asked()]).toMatchObject([{ kind: 'promoted' }, { kind: 'testing' }])
    const [validation] = await listValidations(test.db, 1, 2)
    expect(validation).toMatchObject({ suite: 'all', incumbent_version: 1 })
  })

  it('turns an approval under a changed policy into a stale request (V8)', async () => {
    const { requestId } = await registerToApproval(test.db, deps, 'm')
    const changed = lifecycleDeps(policyOf('defaults: { approval: { quorum: 1 } }'))
    const outcome = await answerRequest(test.db, requestId, yes, alice, actor('alice'), changed)
    expect(outcome.kind).toBe('stale')
    expect(await standingOf('m', 1)).toBe('Staging.ready')
  })

  it('refuses the author and everybody who is not listed, and changes nothing (V5)', async () => {
    const { requestId } = await registerToApproval(test.db, deps, 'm')
    const carol = await answerRequest(
      test.db,
      requestId,
      yes,
      { name: 'carol', mayApprove: true },
      actor('carol'),
      deps,
    )
    expect(carol).toMatchObject({ kind: 'refused', refusal: 'notAnApprover' })
    const own = lifecycleDeps(policyOf('defaults: { validate: [], test: [] }'))
    const registered = await register(test.db, registration('own', { author: 'alice' }), actor('ci'), own)
    const self = await promote(test.db, registered, { reason: null }, alice, actor('alice'), own)
    expect(self).toMatchObject({ kind: 'refused', refusal: 'ownVersion' })
    expect(await standingOf('own', 1)).toBe('Staging.awaitingApproval')
  })

  it('is the caller’s decision when an approver asks for it on an open request', async () => {
    await registerToApproval(test.db, deps, 'm')
    const ref = { name: 'm', version: 1 }
    const other = await promote(
      test.db,
      ref,
      { reason: null },
      { name: 'dave', mayApprove: false },
      actor('dave'),
      deps,
    )
    expect(other.kind).toBe('asked')
    const outcome = await promote(test.db, ref, { reason: 'ship it' }, alice, actor('alice'), deps)
    expect(outcome.kind).toBe('promoted')
    expect((await promote(test.db, ref, { reason: null }, alice, actor('alice'), deps)).kind).toBe(
      'alreadyLive',
    )
  })

  it('never skips validation', async () => {
    await register(test.db, registration('m'), actor('ci'), deps)
    const ref = { name: 'm', version: 1 }
    expect((await promote(test.db, ref, { reason: null }, alice, actor('alice'), deps)).kind).toBe('notReady')
    await runChecks(test.db, deps, 'failed')
    expect((await promote(test.db, ref, { reason: null }, alice, actor('alice'), deps)).kind).toBe('notReady')
    expect(await standingOf('m', 1)).toBe('None.rejected')
  })

  it('tests a declined version afresh before people are asked again', async () => {
    const { requestId } = await registerToApproval(test.db, deps, 'm')
    const no = { answer: 'decline', reason: 'too slow' } as const
    expect((await answerRequest(test.db, requestId, no, alice, actor('alice'), deps)).kind).toBe('declined')
    expect(await standingOf('m', 1)).toBe('Staging.declined')
    const again = await promote(
      test.db,
      { name: 'm', version: 1 },
      { reason: null },
      alice,
      actor('alice'),
      deps,
    )
    expect(again.kind).toBe('testing')
    expect(await standingOf('m', 1)).toBe('Staging.awaitingApproval')
  })
})

describe('what was checked no longer holds', () => {
  it('a version that was checked against another incumbent is checked anew before people are asked (V3)', async () => {
    await register(test.db, registration('m'), actor('ci'), deps)
    const first = await registerToApproval(test.db, deps, 'm') // 2; 1 waits too, both checked against nobody
    const third = await register(test.db, registration('m'), actor('ci'), deps)
    await answerRequest(test.db, first.requestId, yes, alice, actor('alice'), deps)
    await runChecks(test.db, deps) // 3 passes what it was asked while nobody was in Production
    expect(await standingOf('m', third.version)).toBe('Staging.testing')
    const [again] = await listValidations(test.db, 1, third.version)
    expect(again).toMatchObject({ suite: 'all', status: 'running', incumbent_version: 2 })
    await runChecks(test.db, deps)
    expect(await standingOf('m', third.version)).toBe('Staging.awaitingApproval')
  })

  it('a stale version is checked against the new incumbent, not only tested, when it is asked for again (V3)', async () => {
    const first = await registerToApproval(test.db, deps, 'm')
    const second = await registerToApproval(test.db, deps, 'm')
    await answerRequest(test.db, first.requestId, yes, alice, actor('alice'), deps)
    await promote(
      test.db,
      { name: 'm', version: second.version },
      { reason: null },
      alice,
      actor('alice'),
      deps,
    )
    const [again] = await listValidations(test.db, 1, second.version)
    expect(again).toMatchObject({ suite: 'all', incumbent_version: 1 })
  })

  it('a policy that changed during the checks is applied before people are asked (V3)', async () => {
    await register(test.db, registration('m'), actor('ci'), deps)
    const stricter = lifecycleDeps(
      policyOf('defaults: { validate: [ { metrics: { score: { min: 2 } } } ], test: [] }'),
    )
    await runChecks(test.db, stricter)
    const [again] = await listValidations(test.db, 1, 1)
    expect(again).toMatchObject({ suite: 'all', status: 'running' })
    await runChecks(test.db, stricter, 'failed')
    expect(await standingOf('m', 1)).toBe('Staging.unfit')
  })
})

describe('a quorum of two', () => {
  const two = lifecycleDeps(
    policyOf('defaults: { validate: [], test: [], approval: { approvers: [alice, bob], quorum: 2 } }'),
  )
  it('counts distinct people and promotes on the second', async () => {
    const { version } = await register(test.db, registration('m'), actor('ci'), two)
    const ask = (name: string) =>
      promote(test.db, { name: 'm', version }, { reason: null }, { name, mayApprove: true }, actor(name), two)
    expect(await ask('alice')).toMatchObject({ kind: 'counted', have: 1, need: 2 })
    expect(await ask('alice')).toMatchObject({ kind: 'duplicate' })
    expect(await ask('bob')).toMatchObject({ kind: 'promoted' })
  })

  it('tells an approver who has second thoughts that they were not counted', async () => {
    const { version } = await register(test.db, registration('m'), actor('ci'), two)
    const ref = { name: 'm', version }
    const counted = await promote(test.db, ref, { reason: null }, alice, actor('alice'), two)
    if (counted.kind !== 'counted') throw new Error(`it was ${counted.kind}`)
    const no = { answer: 'decline', reason: 'wait' } as const
    const outcome = await answerRequest(test.db, counted.requestId, no, alice, actor('alice'), two)
    expect(outcome).toMatchObject({ kind: 'refused', refusal: 'alreadyAnswered' })
  })

  it('is not reached by one person under two spellings, nor by the author under another one (V4, V5)', async () => {
    const anybody = lifecycleDeps(policyOf('defaults: { validate: [], test: [], approval: { quorum: 2 } }'))
    const { version } = await register(test.db, registration('m', { author: 'Dana' }), actor('ci'), anybody)
    const ask = (name: string) =>
      promote(
        test.db,
        { name: 'm', version },
        { reason: null },
        { name, mayApprove: true },
        actor(name),
        anybody,
      )
    expect(await ask('DANA')).toMatchObject({ kind: 'refused', refusal: 'ownVersion' })
    expect(await ask('Erin')).toMatchObject({ kind: 'counted', have: 1 })
    expect(await ask('erin ')).toMatchObject({ kind: 'duplicate' })
  })
})

describe('an ungated policy', () => {
  it('lets any version move at once, and still archives and records', async () => {
    const free = lifecycleDeps(policyOf('defaults: { gate: none, validate: [], test: [] }'))
    await register(test.db, registration('m'), actor('ci'), free)
    await register(test.db, registration('m'), actor('ci'), free)
    const nobody = { name: 'dave', mayApprove: false }
    await promote(test.db, { name: 'm', version: 1 }, { reason: null }, nobody, actor('dave'), free)
    await promote(test.db, { name: 'm', version: 2 }, { reason: null }, nobody, actor('dave'), free)
    expect([await standingOf('m', 1), await standingOf('m', 2)]).toEqual([
      'Archived.retired',
      'Production.live',
    ])
    await advance(
      test.db,
      { name: 'm', version: 2 },
      { type: 'move', to: 'None', gate: 'none', archiveExisting: false },
      actor('dave'),
      free,
    )
    expect(await standingOf('m', 2)).toBe('None.idle')
  })
})

describe('the history', () => {
  it('refuses changes, and shows a row that was changed in spite of that (V2)', async () => {
    await registerToApproval(test.db, deps, 'm')
    await expect(test.db.updateTable('event').set({ actor: 'mallory' }).execute()).rejects.toThrow(
      /insert-only/,
    )
    await expect(test.db.deleteFrom('event').execute()).rejects.toThrow(/insert-only/)
    expect(await findBrokenLink(test.db, 1)).toBeNull()
    await sql`alter table event disable trigger user`.execute(test.db)
    await test.db.updateTable('event').set({ actor: 'mallory' }).where('seq', '=', 2).execute()
    expect(await findBrokenLink(test.db, 1)).toBe(2)
  })
})
