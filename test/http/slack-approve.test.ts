import { describe, expect, test } from 'vitest'
import { deleteModel } from '../../src/lifecycle/removal.ts'
import { claimCommand, takeDue } from '../../src/store/commands.ts'
import { loadRequestView } from '../../src/workers/request-view.ts'
import { actor } from '../helpers/lifecycle.ts'
import { alice, anyOfThree, bob, carol, channel, eve, guest, openDesk, policy } from './slack-desk.ts'

describe('Approve', () => {
  test('promotes and archives before Slack gets its 200, and waits for no other call to Slack', async () => {
    const desk = await openDesk()
    const first = await desk.ask()
    expect(await desk.approve(first.ts, alice)).toMatchObject({ status: 200, body: '', ok: true })
    const second = await desk.ask()
    const before = desk.sandbox.calls().length
    expect(await desk.approve(second.ts, bob)).toMatchObject({ status: 200, body: '', ok: true })
    const { versions, decisions, events } = await desk.facts()
    expect(versions).toMatchObject([{ stage: 'Archived' }, { stage: 'Production' }])
    expect(decisions).toEqual([
      { principal: 'alice', answer: 'approve' },
      { principal: 'bob', answer: 'approve' },
    ])
    expect(events.at(-1)).toMatchObject({ channel: 'slack', actor: 'bob' })
    expect(desk.sandbox.calls()).toHaveLength(before)
    expect(await desk.told()).toEqual([])
  })

  test('has the message rewritten without buttons, with who and when', async () => {
    const desk = await openDesk()
    const { ts, requestId } = await desk.ask()
    await desk.approve(ts, alice)
    const updates = await desk.db
      .selectFrom('command')
      .select('payload')
      .where('kind', '=', 'updateRequest')
      .execute()
    expect(updates).toEqual([{ payload: { requestId } }])
    await desk.notifier.update(await loadRequestView(desk.db, requestId), { channel, ts })
    const [message] = desk.sandbox.messages()
    expect(message?.blocks.some((block) => block.type === 'actions')).toBe(false)
    expect(JSON.stringify(message?.blocks)).toContain('Approved by alice.')
  })

  test('on a model that was deleted is told to whoever clicked', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    await deleteModel(desk.db, 'forecast', actor('dora'), desk.deps)
    expect(await desk.approve(ts, alice)).toMatchObject({ status: 200 })
    expect(await desk.told()).toMatchObject([
      { user: alice, text: expect.stringContaining('This request is already withdrawn') },
    ])
  })

  test('counts towards a quorum, once per person', async () => {
    const desk = await openDesk({ policy: policy('{ approvers: [alice, bob], quorum: 2 }') })
    const { ts } = await desk.ask()
    await desk.approve(ts, alice)
    expect(await desk.told()).toEqual([])
    await desk.approve(ts, alice)
    expect(await desk.told()).toMatchObject([
      { user: alice, text: expect.stringContaining('already approved') },
    ])
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Staging' }])
    await desk.approve(ts, bob)
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Production' }])
  })

  test.each([
    ['somebody who is not on the list', eve, 'not an approver'],
    ['the author', carol, 'author of this version'],
    ['a member of another workspace', guest, 'another Slack workspace'],
  ])('by %s changes nothing and is said to them alone', async (_who, user, why) => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    const before = await desk.facts()
    expect(await desk.approve(ts, user)).toMatchObject({ status: 200, ok: true })
    expect(await desk.facts()).toEqual(before)
    expect(await desk.told()).toEqual([{ channel, user, text: expect.stringContaining(why) }])
  })

  test('that comes too late changes nothing and says so', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    await desk.approve(ts, alice)
    const before = await desk.facts()
    await desk.approve(ts, bob)
    expect(await desk.facts()).toEqual(before)
    expect(await desk.told()).toMatchObject([
      { user: bob, text: expect.stringContaining('already approved (by alice)') },
    ])
  })

  test('after the deadline changes nothing and says so', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    const before = await desk.facts()
    desk.passTime(73 * 3_600_000)
    await desk.approve(ts, alice)
    expect(await desk.facts()).toEqual(before)
    expect(await desk.told()).toMatchObject([{ user: alice, text: expect.stringContaining('expired') }])
  })

  test('under another policy than was asked about ends the request as stale, and says so (V8)', async () => {
    const rules = { ...anyOfThree }
    const desk = await openDesk({ policy: rules })
    const { ts } = await desk.ask()
    rules.rulesFor = policy('{ approvers: [alice], quorum: 1 }').rulesFor
    await desk.approve(ts, alice)
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Staging', state: 'ready' }])
    expect(await desk.told()).toMatchObject([
      { user: alice, text: expect.stringContaining('policy has changed') },
    ])
  })

  test('on an old copy of the message acts on the same request (V12)', async () => {
    const desk = await openDesk()
    const { requestId } = await desk.ask()
    const copy = await desk.notifier.post(await loadRequestView(desk.db, requestId), false)
    if (copy.kind !== 'sent') throw new Error(copy.why)
    await desk.approve(copy.message.ts ?? '', alice)
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Production' }])
  })

  test('where no approvers are listed counts from people whom the policy maps to Slack, and from nobody else', async () => {
    const desk = await openDesk({ policy: policy('{ quorum: 1 }') })
    const { ts } = await desk.ask()
    await desk.approve(ts, eve)
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Staging' }])
    expect(await desk.told()).toMatchObject([{ user: eve, text: expect.stringContaining('not an approver') }])
    await desk.approve(ts, bob)
    expect((await desk.facts()).versions).toMatchObject([{ stage: 'Production' }])
  })

  test('counts from an approver who is listed by Slack user id alone', async () => {
    const desk = await openDesk({ policy: policy(`{ approvers: [alice, 'slack:${eve}'], quorum: 1 }`) })
    const { ts } = await desk.ask()
    await desk.approve(ts, eve)
    expect((await desk.facts()).decisions).toEqual([{ principal: `slack:${eve}`, answer: 'approve' }])
  })

  test('replayed fifty times at once changes nothing and is remarked upon once (V6)', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    const { raw } = await desk.approve(ts, alice)
    const before = await desk.facts()
    const replays = await Promise.all(Array.from({ length: 50 }, () => desk.sandbox.replay(raw)))
    expect(new Set(replays.map(({ status }) => status))).toEqual(new Set([200]))
    expect(await desk.facts()).toEqual(before)
    expect(await desk.told()).toMatchObject([{ user: alice, text: expect.stringContaining('counted once') }])
  })

  test('and Decline by many at once have one outcome (V4)', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    for (const user of [alice, bob]) await desk.decline(ts, user)
    const forms = desk.sandbox
      .views()
      .map(({ id, user }) => ({ viewId: id, userId: user, values: { reason: 'no' } }))
    const answers = [alice, bob].flatMap((user) => [desk.approve(ts, user), desk.approve(ts, user)])
    await Promise.all([...answers, ...forms.map((form) => desk.sandbox.submitView(form))])
    const { decisions, versions } = await desk.facts()
    expect(decisions).toHaveLength(1)
    const stage = decisions[0]?.answer === 'approve' ? 'Production' : 'Staging'
    expect(versions).toMatchObject([{ stage }])
  })

  test('the private word reaches the clicker and nobody else', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    await desk.approve(ts, eve)
    for (const due of await takeDue(desk.db, 100, 60_000)) {
      const command = await claimCommand(desk.db, due, 60_000)
      if (command?.kind !== 'replyPrivately') continue
      const { text, ...to } = command.payload
      expect(await desk.notifier.replyPrivately(to, text)).toEqual({ kind: 'sent' })
    }
    expect(desk.sandbox.ephemerals()).toMatchObject([{ user: eve, channel }])
    expect(desk.sandbox.messages()).toHaveLength(1)
  })
})
