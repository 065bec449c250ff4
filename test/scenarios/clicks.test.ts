import { describe, expect, it, type TestContext } from 'vitest'
import type { Delivered, RawRequest } from '../../src/sandbox/interactions/delivery.ts'
import type { SlackSandbox } from '../../src/sandbox/slack.ts'
import { type Edit, withoutModelLock, withoutRewrite } from '../helpers/broken-builds.ts'
import { openScene, people, type Scene } from '../helpers/scene.ts'

const timeout = 120_000
const recoverMs = 20_000

/** What one person did about one request, and how it went. */
type Deed = { user: string; sent: Delivered[] /** By the app's answer to a form. */; toldInForm: boolean }
type Round = { request: Request; deeds: Deed[] }
type Request = { id: string; model: string; message: Record<string, string> | null }

describe('eight people who click Approve and Decline at once', () => {
  it('reach one outcome, the message shows it, and the seven others are told (V4, V12)', {
    timeout,
  }, async (context) => {
    const { scene, rounds } = await clickThrough(context, 20)
    expect(await scene.violations()).toEqual([])
    const told = rounds.map((round) => whoWasTold(scene.sandbox, round))
    const winners = await Promise.all(rounds.map(({ request }) => deciderOf(scene, request)))
    expect(told).toEqual(winners.map((winner) => people.filter((user) => user !== winner)))
    expect(rounds.flatMap(failedClicks)).toEqual([])
    const shown = scene.sandbox.messages().map(({ blocks }) => JSON.stringify(blocks))
    expect(shown.filter((text) => !/Approved by|Declined by/i.test(text))).toEqual([])

    // The same bytes again, and then once more: whoever has been told is not told twice (V6).
    const raws = rounds.flatMap(({ deeds }) => deeds.flatMap(({ sent }) => sent.map(({ raw }) => raw)))
    const decided = await picture(scene)
    await replayAll(scene, raws)
    expect(await picture(scene)).toEqual(decided)
    const replies = scene.sandbox.ephemerals().length
    await replayAll(scene, raws)
    expect(await picture(scene)).toEqual(decided)
    expect(scene.sandbox.ephemerals()).toHaveLength(replies)
    expect(await scene.violations()).toEqual([])
  })

  it('do not all get an answer on a build without the lock', { timeout }, async (context) => {
    const { rounds } = await clickThrough(context, 5, withoutModelLock)
    expect(rounds.flatMap(failedClicks)).not.toEqual([])
  })
})

it('an ended request keeps its buttons on a build that does not rewrite messages', {
  timeout,
}, async (context) => {
  const { scene } = await clickThrough(context, 1, withoutRewrite)
  expect(await scene.violations()).toContainEqual(expect.stringMatching(/^V12: .* 1 messages with buttons$/))
})

/** Has eight people answer each of so many requests at once, one request after the other. */
async function clickThrough(
  context: TestContext,
  count: number,
  edits?: Edit[],
): Promise<{ scene: Scene; rounds: Round[] }> {
  const scene = await openScene(context)
  await Promise.all([scene.serve(edits), scene.work()])
  const { registrar, sandbox } = scene
  await Promise.all(Array.from({ length: count }, () => registrar.deliver(registrar.write())))
  await scene.settle(recoverMs)
  const requests = await scene.db
    .selectFrom('approval_request as request')
    .innerJoin('registered_model as model', 'model.id', 'request.model_id')
    .select(['request.id', 'model.name as model', 'request.message'])
    .execute()
  const rounds: Round[] = []
  for (const request of requests) rounds.push({ request, deeds: await answerAtOnce(sandbox, request) })
  await scene.settle(recoverMs)
  return { scene, rounds }
}

// Of those who decline, two have the form open before the others begin, as people do who think about their words.
async function answerAtOnce(sandbox: SlackSandbox, { id, message }: Request): Promise<Deed[]> {
  const click = (user: string, answer: 'approve' | 'decline') =>
    sandbox.click({ ts: message?.ts ?? '', actionId: `greenroom.${answer}`, userId: user })
  const approve = async (user: string): Promise<Deed> => ({
    user,
    sent: [await click(user, 'approve')],
    toldInForm: false,
  })
  const fillIn = async (user: string, opening: Delivered): Promise<Deed> => {
    const view = sandbox.views().find((open) => open.user === user && open.modal.private_metadata === id)
    if (view === undefined) return { user, sent: [opening], toldInForm: false }
    const form = { viewId: view.id, userId: user, values: { reason: 'It is not good enough.' } }
    const submitted = await sandbox.submitView(form)
    if (submitted.kind === 'incomplete') throw new Error('the form was not filled in')
    return { user, sent: [opening, submitted], toldInForm: submitted.kind === 'rejected' }
  }
  const decline = async (user: string) => fillIn(user, await click(user, 'decline'))

  const thoughtful = people.slice(0, 2)
  const openings = await Promise.all(thoughtful.map((user) => click(user, 'decline')))
  return Promise.all([
    ...thoughtful.map((user, index) => fillIn(user, openings[index] as Delivered)),
    ...people.slice(2, 4).map(decline),
    ...people.slice(4).map(approve),
  ])
}

function whoWasTold(sandbox: SlackSandbox, { request, deeds }: Round): string[] {
  const privately = new Set(
    sandbox
      .ephemerals()
      .filter(({ text }) => text.includes(request.model))
      .map(({ user }) => user),
  )
  return deeds.filter(({ user, toldInForm }) => toldInForm || privately.has(user)).map(({ user }) => user)
}

async function deciderOf({ db }: Scene, { id }: Request): Promise<string | undefined> {
  const row = await db
    .selectFrom('decision')
    .select('principal')
    .where('request_id', '=', id)
    .executeTakeFirst()
  return row?.principal.toUpperCase()
}

const failedClicks = ({ deeds }: Round): number[] =>
  deeds.flatMap(({ sent }) => sent.filter(({ ok }) => !ok).map(({ status }) => status))

async function replayAll(scene: Scene, raws: RawRequest[]): Promise<void> {
  for (let at = 0; at < raws.length; at += 8)
    await Promise.all(raws.slice(at, at + 8).map((raw) => scene.sandbox.replay(raw)))
  await scene.settle(recoverMs)
}

/** Everything that a click may change but for what is said to the clicker alone. */
async function picture({ db, sandbox }: Scene): Promise<unknown> {
  return {
    versions: await db.selectFrom('model_version').selectAll().execute(),
    events: await db.selectFrom('event').selectAll().execute(),
    requests: await db.selectFrom('approval_request').selectAll().execute(),
    decisions: await db.selectFrom('decision').selectAll().execute(),
    commands: await db.selectFrom('command').selectAll().where('kind', '!=', 'replyPrivately').execute(),
    messages: sandbox.messages(),
  }
}
