import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import { expireRequest } from '../../src/lifecycle/expire.ts'
import { deleteModel } from '../../src/lifecycle/removal.ts'
import { loadRequest } from '../../src/store/approvals.ts'
import { claimCommand, takeDue } from '../../src/store/commands.ts'
import { findVersion } from '../../src/store/versions.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, lifecycleDeps, registerToApproval } from '../helpers/lifecycle.ts'

const deps = lifecycleDeps() // requests expire after the built-in seven days
const later = { ...deps, now: () => new Date(Date.now() + 8 * 86_400_000) }
const alice = { name: 'alice', mayApprove: true }
const yes = { answer: 'approve', reason: null } as const
let test: TestDatabase

beforeEach(async () => {
  test = await openTestDatabase()
})
afterEach(() => test.close())

/** Claims the deadline's command as a worker would at the deadline. */
async function claimDeadline(requestId: string) {
  await sql`update command set run_at = now() where kind = 'expireRequest'`.execute(test.db)
  for (const due of await takeDue(test.db, 10, 60_000)) {
    const claimed = await claimCommand(test.db, due, 60_000)
    if (claimed?.kind === 'expireRequest') return { ...claimed, requestId }
  }
  throw new Error('no deadline was due')
}

it('a request that nobody answers in time expires, once, and its version says so (L9)', async () => {
  const { requestId } = await registerToApproval(test.db, deps, 'm')
  const deadline = await claimDeadline(requestId)
  expect(await expireRequest(test.db, deadline, later)).toBe('expired')
  await expect(expireRequest(test.db, deadline, later)).rejects.toThrow(/overtaken/)
  expect((await loadRequest(test.db, requestId)).state).toBe('expired')
  expect(await findVersion(test.db, { name: 'm', version: 1 })).toMatchObject({
    stage: 'Staging',
    state: 'expired',
  })
})

it('a deadline that comes too early, by a clock that runs ahead, changes nothing', async () => {
  const { requestId } = await registerToApproval(test.db, deps, 'm')
  expect(await expireRequest(test.db, await claimDeadline(requestId), deps)).toBe('not yet')
  expect((await loadRequest(test.db, requestId)).state).toBe('pending')
})

it('a deadline that was running when the model was deleted comes to an end', async () => {
  const { requestId } = await registerToApproval(test.db, deps, 'm')
  const deadline = await claimDeadline(requestId)
  await deleteModel(test.db, 'm', actor('dora'), deps)
  expect(await expireRequest(test.db, deadline, later)).toBe('ended before')
})

it('a deadline after the decision changes nothing', async () => {
  const { requestId } = await registerToApproval(test.db, deps, 'm')
  const deadline = await claimDeadline(requestId)
  await answerRequest(test.db, requestId, yes, alice, actor('alice'), deps)
  expect(await expireRequest(test.db, deadline, later)).toBe('ended before')
  expect((await loadRequest(test.db, requestId)).state).toBe('approved')
})

it('an approval after the deadline is refused, even before the deadline’s command has run', async () => {
  const { requestId } = await registerToApproval(test.db, deps, 'm')
  const outcome = await answerRequest(test.db, requestId, yes, alice, actor('alice'), later)
  expect(outcome).toMatchObject({ kind: 'refused', refusal: 'expired' })
})
