import { afterEach, beforeEach, expect, it } from 'vitest'
import { recordFinding } from '../../src/lifecycle/findings.ts'
import { renameModel } from '../../src/lifecycle/renaming.ts'
import { register } from '../../src/lifecycle.ts'
import { findBrokenLink } from '../../src/store/events.ts'
import { findVersion } from '../../src/store/versions.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, claimAll, lifecycleDeps, registration, runChecks } from '../helpers/lifecycle.ts'

const deps = lifecycleDeps()
const by = actor('dora')
let test: TestDatabase

beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

const rename = (from: string, to: string) => renameModel(test.db, from, to, by, deps)

it('a check that is under way is made again under the new name, and its first finding is not taken (V9)', async () => {
  await register(test.db, registration('old'), by, deps)
  const claimed = await claimAll(test.db)
  await rename('old', 'new')
  // Whoever takes the old name must not get the finding either.
  await register(test.db, registration('old'), by, deps)
  const times = { startedAt: new Date(), finishedAt: new Date() }
  const finding = { verdict: 'failed', summary: 'it failed', measured: {}, digest: null } as const
  for (const command of claimed) {
    if (command.kind !== 'runCheck') continue
    const late = recordFinding(test.db, { ...command, ...command.payload }, finding, times, deps)
    await expect(late).rejects.toMatchObject({ name: 'LostLeaseError' })
  }
  await runChecks(test.db, deps)
  for (const name of ['old', 'new'])
    expect(await findVersion(test.db, { name, version: 1 })).toMatchObject({ state: 'awaitingApproval' })
  expect([await findBrokenLink(test.db, 1), await findBrokenLink(test.db, 2)]).toEqual([null, null])
})

it('of models that are renamed to one name at the same time one gets it', async () => {
  for (const name of ['a', 'b', 'c', 'd']) await register(test.db, registration(name), by, deps)
  const outcomes = await Promise.all(['a', 'b', 'c', 'd'].map((name) => rename(name, 'e')))
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['renamed', 'taken', 'taken', 'taken'])
})

it('a model that is there no more is missing', async () => {
  await register(test.db, registration('a'), by, deps)
  await rename('a', 'b')
  await expect(rename('a', 'c')).rejects.toThrow('There is no registered model named "a".')
})
