import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KyselyPlugin, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LostLeaseError } from '../../src/errors.ts'
import { answerRequest } from '../../src/lifecycle/answer.ts'
import type { Notifier, RequestView } from '../../src/notifiers/notifier.ts'
import { reclaimAbandoned } from '../../src/store/abandoned-commands.ts'
import { insertDecision, saveMessage } from '../../src/store/approvals.ts'
import { appendCommands, type ClaimedCommand } from '../../src/store/commands.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import type { CommandDeps } from '../../src/workers/deps.ts'
import { runPostRequest, runUpdateRequest } from '../../src/workers/tell-people.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, claimAll, lifecycleDeps, registerToApproval } from '../helpers/lifecycle.ts'
import { withoutNewCommands, withoutSightOfCommands, withStrongRequestLock } from '../helpers/mutants.ts'
import { commandDeps } from './command-deps.ts'

type Telling = ClaimedCommand & { kind: 'postRequest' | 'updateRequest' }

const lifecycle = lifecycleDeps()

let database: TestDatabase
let requestId: string
let shown: string[]
beforeEach(async () => {
  database = await openTestDatabase()
  requestId = (await registerToApproval(database.db, lifecycle, 'm')).requestId
  await claimAll(database.db) // nobody does what was due until now
  await saveMessage(database.db, requestId, { channel: 'C', ts: '1' })
  shown = []
})
afterEach(() => database.close())

/** What telling people needs, on a channel that shows what it is sent when `landing` says so. */
function depsOf(landing: () => Promise<void> = async () => {}, ...broken: KyselyPlugin[]): CommandDeps {
  const show = async ({ state }: RequestView) => {
    await landing()
    shown.push(state)
  }
  const notifier: Notifier = {
    name: 'test',
    post: (view) => show(view).then(() => ({ kind: 'sent', message: { channel: 'C', ts: '1' } })),
    update: (view) => show(view).then(() => ({ kind: 'sent' })),
    replyPrivately: async () => ({ kind: 'sent' }),
  }
  const db = broken.reduce((db, plugin) => db.withPlugin(plugin), database.db)
  return commandDeps(db, lifecycle, { notifier })
}

async function append(kind: Telling['kind']): Promise<Telling> {
  const about = { payload: { requestId }, model: 'm', version: 1, traceId: 't' }
  await database.db
    .transaction()
    .execute((trx) => appendCommands(trx, [{ id: randomUUID(), kind, ...about }]))
  const [claimed] = await claimTelling()
  if (claimed === undefined) throw new Error('nothing was claimed')
  return claimed
}

async function claimTelling(): Promise<Telling[]> {
  return (await claimAll(database.db)).filter(
    (command) => command.kind === 'postRequest' || command.kind === 'updateRequest',
  )
}

const run = (deps: CommandDeps, command: Telling) =>
  command.kind === 'postRequest' ? runPostRequest(deps, command) : runUpdateRequest(deps, command)

/** Runs what tells people until nothing is due; gives how many commands that took. */
async function runDue(): Promise<number> {
  let count = 0
  for (let due = await claimTelling(); due.length > 0; due = await claimTelling())
    for (const command of due) {
      await run(depsOf(), command)
      count += 1
    }
  return count
}

/** The lease of a command is over, and the sweeper has seen it. */
async function loseLease({ id }: Telling): Promise<void> {
  await sql`update command set lease_until = now() - interval '1 s' where id = ${id}`.execute(database.db)
  await reclaimAbandoned(database.db, 10)
}

const approve = () =>
  answerRequest(
    database.db,
    requestId,
    { answer: 'approve', reason: null },
    { name: 'alice', mayApprove: true },
    actor('alice'),
    lifecycle,
  )

describe('an attempt that was overtaken while what it sends is under way', () => {
  /** Its worker pauses, others do all there is to do, and it goes on; gives what the message shows in the end. */
  async function overtake(kind: Telling['kind'], ...broken: KyselyPlugin[]): Promise<string | undefined> {
    const landing = Promise.withResolvers<void>()
    const sending = Promise.withResolvers<void>()
    const pause = () => {
      sending.resolve()
      return landing.promise
    }
    const command = await append(kind)
    const late = run(depsOf(pause, ...broken), command)
    await sending.promise
    await loseLease(command)
    await approve()
    await runDue()
    expect(shown.at(-1)).toBe('approved')
    landing.resolve()
    await expect(late).rejects.toThrow(LostLeaseError)
    expect(shown.at(-1)).toBe('pending')
    await runDue()
    return shown.at(-1)
  }

  test.each(['updateRequest', 'postRequest'] as const)(
    'leaves no old state behind: the message is rewritten once more (T1, %s)',
    async (kind) => {
      expect(await overtake(kind)).toBe('approved')
    },
  )

  test('does on a build that asks for nothing then', async () => {
    expect(await overtake('updateRequest', withoutNewCommands)).toBe('pending')
  })
})

describe('any number of attempts that overtake each other', () => {
  /** How many rewrites are left of twenty that were overtaken when they had sent. */
  async function rewritesAfterTwenty(...broken: KyselyPlugin[]): Promise<number> {
    const commands: Telling[] = []
    for (let index = 0; index < 20; index++) commands.push(await append('updateRequest'))
    const landing = Promise.withResolvers<void>()
    const late = commands.map((command) =>
      run(
        depsOf(() => landing.promise, ...broken),
        command,
      ),
    )
    const ended = Promise.allSettled(late)
    await sql`update command set status = 'cancelled' where kind = 'updateRequest'`.execute(database.db)
    landing.resolve()
    const reasons = (await ended).map((end) => end.status === 'rejected' && end.reason)
    expect(reasons.every((reason) => reason instanceof LostLeaseError)).toBe(true)
    return runDue()
  }

  test('have one rewrite follow them, and no other follows that (T3)', async () => {
    expect(await rewritesAfterTwenty()).toBe(1)
    expect(await runDue()).toBe(0)
  })

  test('have one each on a build that does not look for one that waits', async () => {
    expect(await rewritesAfterTwenty(withoutSightOfCommands)).toBe(20)
  })

  test('ask for none where the sweeper has put their own command back', async () => {
    const command = await append('updateRequest')
    const late = run(
      depsOf(() => loseLease(command)),
      command,
    )
    await expect(late).rejects.toThrow(LostLeaseError)
    expect(await runDue()).toBe(1)
  })
})

describe('what notes where a question was posted', () => {
  /** Whether it comes to an end while somebody's decision is being written down. */
  async function postDuringDecision(...broken: KyselyPlugin[]): Promise<'ends' | 'waits'> {
    const command = await append('postRequest')
    const alice = { request_id: requestId, principal: 'alice', answer: 'approve', reason: null } as const
    let posting = Promise.resolve()
    const how = await inTransaction(database.db, async (trx) => {
      await insertDecision(trx, { ...alice, channel: 'test', at: new Date() })
      const posted = run(depsOf(undefined, ...broken), command)
      posting = posted.then(() => {})
      return Promise.race([posted.then(() => 'ends' as const), sleep(2_000, 'waits' as const)])
    })
    await posting
    return how
  }

  test('does not wait for a decision, which may have to wait for it', async () => {
    expect(await postDuringDecision()).toBe('ends')
  })

  test('does on a build that locks the request against decisions', async () => {
    expect(await postDuringDecision(withStrongRequestLock)).toBe('waits')
  })
})
