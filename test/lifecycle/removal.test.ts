import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { recordFinding } from '../../src/lifecycle/findings.ts'
import { deleteModel, deleteVersion } from '../../src/lifecycle/removal.ts'
import { register } from '../../src/lifecycle.ts'
import { loadRequest } from '../../src/store/approvals.ts'
import { findBrokenLink } from '../../src/store/events.ts'
import { findVersion } from '../../src/store/versions.ts'
import { loadRequestView } from '../../src/workers/request-view.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import {
  actor,
  claimAll,
  lifecycleDeps,
  registerToApproval,
  registration,
  runChecks,
} from '../helpers/lifecycle.ts'

const deps = lifecycleDeps()
const by = actor('dora')
let test: TestDatabase

beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

async function openCommands(): Promise<string[]> {
  const rows = await test.db
    .selectFrom('command')
    .select('kind')
    .where('status', 'in', ['pending', 'queued', 'running'])
    .orderBy('kind')
    .execute()
  return rows.map(({ kind }) => kind)
}

/** Says that every check which was claimed has passed; gives what became of each. */
async function report(claimed: Awaited<ReturnType<typeof claimAll>>): Promise<string[]> {
  const times = { startedAt: new Date(), finishedAt: new Date() }
  const finding = { verdict: 'passed', summary: 'it passed', measured: {}, digest: null } as const
  const checks = claimed.filter((command) => command.kind === 'runCheck')
  return Promise.all(
    checks.map((check) =>
      recordFinding(test.db, { ...check, ...check.payload }, finding, times, deps).then(
        () => 'recorded',
        (error: Error) => error.name,
      ),
    ),
  )
}

describe('deleting a version', () => {
  it('ends its validation, and a finding that comes late changes nothing (V9)', async () => {
    await register(test.db, registration('m'), by, deps)
    const claimed = await claimAll(test.db)
    expect(await deleteVersion(test.db, { name: 'm', version: 1 }, by, deps)).toEqual({ kind: 'deleted' })
    expect(await report(claimed)).toEqual(['LostLeaseError'])
    expect(await openCommands()).toEqual([])
    expect(await findVersion(test.db, { name: 'm', version: 1 })).toBeUndefined()
    expect(await findBrokenLink(test.db, 1)).toBeNull()
  })

  it('withdraws what people are asked, and they can still be told so', async () => {
    const { version, requestId } = await registerToApproval(test.db, deps, 'm')
    await deleteVersion(test.db, { name: 'm', version }, by, deps)
    expect((await loadRequest(test.db, requestId)).state).toBe('withdrawn')
    expect(await openCommands()).toContain('updateRequest')
    const view = await loadRequestView(test.db, requestId)
    expect(view).toMatchObject({ model: 'm', state: 'withdrawn', candidate: { version: 1 } })
  })

  it('keeps its number for ever, even for a sender that names it (V11)', async () => {
    await register(test.db, registration('m', { version: 7 }), by, deps)
    await deleteVersion(test.db, { name: 'm', version: 7 }, by, deps)
    expect(await register(test.db, registration('m', { version: 7 }), by, deps)).toMatchObject({
      kind: 'conflict',
      why: expect.stringContaining('was deleted, and its number is not given again'),
    })
    expect(await register(test.db, registration('m'), by, deps)).toMatchObject({ version: 8 })
  })

  it('stands in the history with who did it', async () => {
    await register(test.db, registration('m'), by, deps)
    await deleteVersion(test.db, { name: 'm', version: 1 }, by, deps)
    const events = await test.db.selectFrom('event').selectAll().orderBy('seq').execute()
    expect(events.at(-1)).toMatchObject({
      type: 'versionDeleted',
      version: 1,
      actor: 'dora',
      from_stage: 'None',
      from_state: 'validating',
      to_stage: null,
    })
  })

  it('and promoting it at the same time come one after the other', async () => {
    for (let round = 0; round < 10; round++) {
      const name = `raced-${round}`
      await register(test.db, registration(name), by, deps)
      const [removed] = await Promise.all([
        deleteVersion(test.db, { name, version: 1 }, by, deps),
        runChecks(test.db, deps).catch((error: Error) => expect(error.name).toMatch(/LostLease|NotFound/)),
      ])
      expect(removed).toEqual({ kind: 'deleted' })
      expect(await findVersion(test.db, { name, version: 1 })).toBeUndefined()
    }
  })
})

describe('deleting a model', () => {
  it('ends all that is under way for it, and touches nothing of whoever takes its name', async () => {
    await registerToApproval(test.db, deps, 'm')
    await register(test.db, registration('m'), by, deps)
    const claimed = await claimAll(test.db)
    expect(await deleteModel(test.db, 'm', by, deps)).toEqual({ kind: 'deleted' })
    await register(test.db, registration('m', { source: 'file:///new' }), by, deps)
    expect(await report(claimed)).toEqual(['LostLeaseError'])
    expect(await findVersion(test.db, { name: 'm', version: 1 })).toMatchObject({
      source: 'file:///new',
      state: 'validating',
    })
    expect(await findVersion(test.db, { name: 'm', version: 2 })).toBeUndefined()
    await runChecks(test.db, deps)
    expect(await findVersion(test.db, { name: 'm', version: 1 })).toMatchObject({ state: 'awaitingApproval' })
    expect([await findBrokenLink(test.db, 1), await findBrokenLink(test.db, 2)]).toEqual([null, null])
  })

  it('ends nothing of any other model', async () => {
    const { requestId } = await registerToApproval(test.db, deps, 'asked')
    await register(test.db, registration('checked'), by, deps)
    await register(test.db, registration('m'), by, deps)
    const before = await openCommands()
    await deleteModel(test.db, 'm', by, deps)
    expect((await loadRequest(test.db, requestId)).state).toBe('pending')
    expect(await findVersion(test.db, { name: 'checked', version: 1 })).toMatchObject({ state: 'validating' })
    expect(await openCommands()).toEqual(before.slice(0, -1))
  })

  it('needs the model', async () => {
    await expect(deleteModel(test.db, 'm', by, deps)).rejects.toThrow(
      'There is no registered model named "m".',
    )
  })
})
