import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeAlias, setAlias } from '../../src/lifecycle/aliases.ts'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import { deleteModel, deleteVersion } from '../../src/lifecycle/removal.ts'
import { renameModel } from '../../src/lifecycle/renaming.ts'
import { type TransitionWish, transitionStage } from '../../src/lifecycle/transition.ts'
import { advance, register } from '../../src/lifecycle.ts'
import type { Stage } from '../../src/machines/model-version.ts'
import { findBrokenLink, listEvents } from '../../src/store/events.ts'
import { findModel } from '../../src/store/models.ts'
import { findVersion, listIncumbents } from '../../src/store/versions.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, lifecycleDeps, registerToApproval, registration, runChecks } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'

const deps = lifecycleDeps(
  policyOf(`
people:
  alice: {}
  bob: {}
defaults:
  validate: [ { metrics: { score: { min: 0 } } } ]
  test: []
  approval: { approvers: [alice, bob], quorum: 1 }
  protected_aliases: [champion]
models:
  'free-*': { gate: none }
  'pair': { approval: { quorum: 2 } }
`),
)
const alice = { name: 'alice', mayApprove: true }
const carol = { name: 'carol', mayApprove: false }
let test: TestDatabase

beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

function moveTo(name: string, version: number, to: Stage, from = carol, more: Partial<TransitionWish> = {}) {
  const wish = { to, archiveExisting: false, ...more }
  return transitionStage(test.db, { name, version }, wish, from, actor(from.name), deps)
}

async function standingOf(name: string, version: number): Promise<string> {
  const row = await findVersion(test.db, { name, version })
  return `${row?.stage}.${row?.state}`
}

/** A version in Production, promoted by alice. */
async function promoted(name: string): Promise<number> {
  const { version, requestId } = await registerToApproval(test.db, deps, name)
  await answerRequest(test.db, requestId, { answer: 'approve', reason: null }, alice, actor('alice'), deps)
  return version
}

async function registered(name: string): Promise<number> {
  return (await register(test.db, registration(name), actor('ci'), deps)).version
}

describe('without a gate', () => {
  it('and without checks, a version stays in None until somebody moves it, as in MLflow', async () => {
    const free = lifecycleDeps(policyOf('defaults: { gate: none, validate: [] }'))
    const outcome = await register(test.db, registration('m'), actor('ci'), free)
    expect(outcome).toMatchObject({ stage: 'None', state: 'idle' })
    await runChecks(test.db, free)
    expect(await standingOf('m', 1)).toBe('None.idle')
  })

  it('any stage follows any other, and each move stands in the history', async () => {
    const version = await registered('free-a')
    for (const from of ['None', 'Staging', 'Production', 'Archived'] as const)
      for (const to of ['None', 'Staging', 'Production', 'Archived'] as const) {
        await moveTo('free-a', version, from)
        expect(await moveTo('free-a', version, to), `${from} to ${to}`).toEqual({ kind: 'moved' })
        expect((await findVersion(test.db, { name: 'free-a', version }))?.stage).toBe(to)
      }
    expect(await listEvents(test.db, 1, { limit: 100 })).toHaveLength(1 + 2 * 16)
  })

  it('a move to Staging archives the others there when that is wished, and only then', async () => {
    const [first, second, third] = [
      await registered('free-a'),
      await registered('free-a'),
      await registered('free-a'),
    ]
    await moveTo('free-a', first, 'Staging')
    await moveTo('free-a', second, 'Staging')
    expect(await standingOf('free-a', first)).toBe('Staging.ready')
    await moveTo('free-a', third, 'Staging', carol, { archiveExisting: true })
    expect(await standingOf('free-a', first)).toBe('Archived.retired')
    expect(await standingOf('free-a', second)).toBe('Archived.retired')
    expect(await standingOf('free-a', third)).toBe('Staging.ready')
  })
})

describe('behind a gate', () => {
  it('Staging is reached only through a passed validation, and the caller is told what is missing (V3)', async () => {
    const version = await registered('m')
    expect(await moveTo('m', version, 'Staging', alice)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/still running/),
    })
    await runChecks(test.db, deps, 'failed')
    expect(await moveTo('m', version, 'Staging', alice)).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/failed/),
    })
    expect(await standingOf('m', version)).toBe('None.rejected')
  })

  it('a validation that could not be made is started again', async () => {
    const version = await registered('m')
    await runChecks(test.db, deps, 'errored')
    expect(await standingOf('m', version)).toBe('None.stuck')
    expect((await moveTo('m', version, 'Staging')).kind).toBe('refused')
    expect(await standingOf('m', version)).toBe('None.validating')
    await runChecks(test.db, deps)
    expect(await moveTo('m', version, 'Staging')).toEqual({ kind: 'moved' })
  })

  it('a wish for Production is a request for approval, and the stage stays (V3)', async () => {
    const { version, requestId } = await registerToApproval(test.db, deps, 'm')
    expect(await moveTo('m', version, 'Production')).toMatchObject({ kind: 'asked', requestId })
    expect(await standingOf('m', version)).toBe('Staging.awaitingApproval')
  })

  it('an approver’s wish is their decision and goes through at once, and the incumbent is archived', async () => {
    const first = await promoted('m')
    const { version } = await registerToApproval(test.db, deps, 'm')
    expect(await moveTo('m', version, 'Production', alice)).toEqual({ kind: 'moved' })
    expect(await listIncumbents(test.db, 1)).toEqual([version])
    expect(await standingOf('m', first)).toBe('Archived.retired')
  })

  it('of a quorum of two, one approver’s wish is counted and the stage stays', async () => {
    const { version } = await registerToApproval(test.db, deps, 'pair')
    expect(await moveTo('pair', version, 'Production', alice)).toMatchObject({ kind: 'asked' })
    expect(await standingOf('pair', version)).toBe('Staging.awaitingApproval')
    expect(await moveTo('pair', version, 'Production', { name: 'bob', mayApprove: true })).toEqual({
      kind: 'moved',
    })
  })

  it('the author’s own wish is not their approval, whatever their role (V5)', async () => {
    const { version } = await register(test.db, registration('m', { author: 'alice' }), actor('ci'), deps)
    await runChecks(test.db, deps)
    expect(await moveTo('m', version, 'Production', alice)).toMatchObject({ kind: 'forbidden' })
    expect(await standingOf('m', version)).toBe('Staging.awaitingApproval')
  })

  it('what is not in Staging cannot be asked about, not even by an approver', async () => {
    const version = await registered('m')
    expect(await moveTo('m', version, 'Production', alice)).toMatchObject({ kind: 'refused' })
    await runChecks(test.db, deps, 'failed')
    expect(await moveTo('m', version, 'Production', alice)).toMatchObject({ kind: 'refused' })
    expect(await standingOf('m', version)).toBe('None.rejected')
  })

  it('nothing leads back to None, and only an approver archives', async () => {
    const version = await promoted('m')
    expect(await moveTo('m', version, 'None', alice)).toMatchObject({ kind: 'refused' })
    expect(await moveTo('m', version, 'Staging', alice)).toMatchObject({ kind: 'refused' })
    expect(await moveTo('m', version, 'Archived', carol)).toMatchObject({ kind: 'forbidden' })
    expect(await standingOf('m', version)).toBe('Production.live')
    expect(await moveTo('m', version, 'Archived', alice)).toEqual({ kind: 'moved' })
  })

  it('what was retired is restored, tested and asked about before it serves again', async () => {
    const first = await promoted('m')
    await promoted('m')
    expect(await moveTo('m', first, 'Production', alice)).toMatchObject({ kind: 'asked', requestId: null })
    expect(await standingOf('m', first)).toBe('Staging.testing')
  })

  it('a wish that is repeated while its tests run joins the first, and starts none anew', async () => {
    const first = await promoted('m')
    await promoted('m')
    const asked = await moveTo('m', first, 'Production', carol)
    const before = await listEvents(test.db, 1, { limit: 100 })
    for (const who of [carol, alice]) {
      expect(await moveTo('m', first, 'Production', who)).toEqual(asked)
      expect(
        await setAlias(test.db, { name: 'm', version: first }, 'champion', who, actor(who.name), deps),
      ).toEqual(asked)
    }
    expect(await listEvents(test.db, 1, { limit: 100 })).toEqual(before)
    await runChecks(test.db, deps)
    expect(await standingOf('m', first)).toBe('Staging.awaitingApproval')
  })

  it('what was archived before it passed is validated anew', async () => {
    const version = await registered('m')
    await advance(test.db, { name: 'm', version }, { type: 'archive' }, actor('alice'), deps)
    expect(await moveTo('m', version, 'Production', alice)).toMatchObject({ kind: 'refused' })
    expect(await moveTo('m', version, 'Staging')).toMatchObject({ kind: 'refused' })
    expect(await standingOf('m', version)).toBe('None.validating')
  })
})

describe('a protected alias', () => {
  const aliases = async () => {
    const rows = await test.db.selectFrom('registered_model_alias').select(['alias', 'version']).execute()
    return Object.fromEntries(rows.map(({ alias, version }) => [alias, version]))
  }
  const give = (version: number, from = carol, alias = 'champion') =>
    setAlias(test.db, { name: 'm', version }, alias, from, actor(from.name), deps)

  it('is given to what is in Production, and else asks for its promotion, under any spelling (V3)', async () => {
    const live = await promoted('m')
    expect(await give(live)).toEqual({ kind: 'done' })
    const { version } = await registerToApproval(test.db, deps, 'm')
    expect(await give(version)).toMatchObject({ kind: 'asked' })
    expect(await give(version, carol, 'CHAMPION')).toMatchObject({ kind: 'asked' })
    expect(await give(version, carol, 'challenger')).toEqual({ kind: 'done' })
    expect(await give(version, alice)).toEqual({ kind: 'done' })
    expect(await standingOf('m', version)).toBe('Production.live')
  })

  it('goes to the version that takes the place of the one it names, in the same transaction (V1, V3)', async () => {
    const first = await promoted('m')
    await give(first)
    await give(first, carol, 'oldest')
    const second = await promoted('m')
    expect(await aliases()).toEqual({ champion: second, oldest: first })
    const events = await listEvents(test.db, 1, { limit: 100 })
    expect(events.slice(-2)).toMatchObject([
      { type: 'superseded', version: first },
      { type: 'aliasSet', version: second, detail: { alias: 'champion', before: first } },
    ])
    expect(await findBrokenLink(test.db, 1)).toBeNull()
  })

  it('stays while its version does, goes to what is left in Production, and names nothing when nothing is', async () => {
    const first = await promoted('m')
    await give(first)
    const { requestId, version: second } = await registerToApproval(test.db, deps, 'm')
    const both = { answer: 'approve', reason: null, archiveExisting: false } as const
    await answerRequest(test.db, requestId, both, alice, actor('alice'), deps)
    expect(await aliases()).toEqual({ champion: first })
    await moveTo('m', first, 'Archived', alice)
    expect(await aliases()).toEqual({ champion: second })
    await moveTo('m', second, 'Archived', alice)
    expect(await aliases()).toEqual({})
  })

  it('is taken away by approvers only', async () => {
    const live = await promoted('m')
    await give(live)
    const take = (from: typeof carol) => removeAlias(test.db, 'm', 'champion', from, actor(from.name), deps)
    expect(await take(carol)).toMatchObject({ kind: 'forbidden' })
    expect(await take(alice)).toEqual({ kind: 'done' })
  })
})

describe('deleting behind a gate', () => {
  it('leaves what is in Production where it is', async () => {
    const version = await promoted('m')
    const by = actor('carol')
    expect(await deleteVersion(test.db, { name: 'm', version }, by, deps)).toMatchObject({ kind: 'refused' })
    expect(await deleteModel(test.db, 'm', by, deps)).toMatchObject({ kind: 'refused' })
    await moveTo('m', version, 'Archived', alice)
    expect(await deleteVersion(test.db, { name: 'm', version }, by, deps)).toEqual({ kind: 'deleted' })
    expect(await deleteModel(test.db, 'm', by, deps)).toEqual({ kind: 'deleted' })
    expect(await findModel(test.db, 'm')).toBeUndefined()
  })
})

describe('renaming', () => {
  it('never carries versions to where other rules hold (V3)', async () => {
    await registered('free-a')
    await moveTo('free-a', 1, 'Production')
    const by = actor('carol')
    expect(await renameModel(test.db, 'free-a', 'm', by, deps)).toMatchObject({ kind: 'refused' })
    expect(await renameModel(test.db, 'free-a', 'free-b', by, deps)).toEqual({ kind: 'renamed' })
    expect((await findVersion(test.db, { name: 'free-b', version: 1 }))?.stage).toBe('Production')
  })
})
