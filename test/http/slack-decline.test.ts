import { describe, expect, test } from 'vitest'
import { alice, bob, carol, type Desk, eve, openDesk } from './slack-desk.ts'

describe('Decline', () => {
  async function openForm(desk: Desk, user = alice) {
    const asked = await desk.ask()
    const clicked = await desk.decline(asked.ts, user)
    const form = desk.sandbox.views().at(-1)
    return { ...asked, clicked, viewId: form?.id ?? '', form }
  }

  test('asks why, and takes the answer', async () => {
    const desk = await openDesk()
    const { viewId, form, requestId } = await openForm(desk)
    expect(form?.modal.private_metadata).toBe(requestId)
    const values = { reason: ' Too slow.\nTrain again. ' }
    expect(await desk.sandbox.submitView({ viewId, userId: alice, values })).toMatchObject({
      kind: 'closed',
      status: 200,
    })
    expect(await desk.facts()).toMatchObject({
      versions: [{ stage: 'Staging', state: 'declined' }],
      decisions: [{ principal: 'alice', answer: 'decline' }],
    })
    const row = await desk.db.selectFrom('decision').select('reason').executeTakeFirst()
    expect(row?.reason).toBe('Too slow.\nTrain again.')
    expect(desk.sandbox.views()).toEqual([])
  })

  test('wants a reason', async () => {
    const desk = await openDesk()
    const { viewId } = await openForm(desk)
    const before = await desk.facts()
    const submit = (reason: string) => desk.sandbox.submitView({ viewId, userId: alice, values: { reason } })
    expect(await submit('')).toMatchObject({ kind: 'incomplete' })
    expect(await submit(' \n ')).toMatchObject({
      kind: 'rejected',
      errors: { reason: expect.stringContaining('needs a reason') },
    })
    expect(await desk.facts()).toEqual(before)
  })

  test('sent off when somebody else has decided changes nothing and says so in the form', async () => {
    const desk = await openDesk()
    const { viewId, ts } = await openForm(desk)
    await desk.approve(ts, bob)
    const before = await desk.facts()
    expect(await desk.sandbox.submitView({ viewId, userId: alice, values: { reason: 'no' } })).toMatchObject({
      kind: 'rejected',
      errors: { reason: expect.stringContaining('already approved (by bob)') },
    })
    expect(await desk.facts()).toEqual(before)
  })

  test('sent off twice, because the first answer was lost, counts once and closes', async () => {
    const desk = await openDesk()
    const { viewId } = await openForm(desk)
    const sent = await desk.sandbox.submitView({ viewId, userId: alice, values: { reason: 'no' } })
    if (sent.kind !== 'closed') throw new Error(sent.kind)
    const before = await desk.facts()
    expect(await desk.sandbox.replay(sent.raw)).toMatchObject({
      status: 200,
      body: '{"response_action":"clear"}',
    })
    expect(await desk.facts()).toEqual(before)
  })

  test('by the author is refused in the form', async () => {
    const desk = await openDesk()
    const { viewId } = await openForm(desk, carol)
    expect(
      await desk.sandbox.submitView({ viewId, userId: carol, values: { reason: 'mine' } }),
    ).toMatchObject({
      kind: 'rejected',
      errors: { reason: expect.stringContaining('author of this version') },
    })
    expect((await desk.facts()).decisions).toEqual([])
  })

  test('by somebody who is not on the list opens nothing', async () => {
    const desk = await openDesk()
    await openForm(desk, eve)
    expect(desk.sandbox.views()).toEqual([])
    expect(await desk.told()).toMatchObject([{ user: eve, text: expect.stringContaining('not an approver') }])
  })

  test('of a request that has ended opens nothing', async () => {
    const desk = await openDesk()
    const { ts } = await desk.ask()
    await desk.approve(ts, alice)
    await desk.decline(ts, bob)
    expect(desk.sandbox.views()).toEqual([])
    expect(await desk.told()).toMatchObject([
      { user: bob, text: expect.stringContaining('already approved') },
    ])
  })

  test.each([
    ['refused', { kind: 'error', error: 'internal_error' }],
    ['never answered', { kind: 'hang' }],
  ] as const)('whose form is %s tells within three seconds how to decline otherwise', async (_how, fault) => {
    const desk = await openDesk()
    desk.sandbox.fail({ method: 'views.open', fault })
    const { clicked, requestId } = await openForm(desk)
    expect(clicked).toMatchObject({ status: 200, ok: true })
    const command = `greenroom decline ${requestId} --reason`
    expect(await desk.told()).toMatchObject([{ user: alice, text: expect.stringContaining(command) }])
  })

  test('delivered twice opens one form and complains about nothing', async () => {
    const desk = await openDesk()
    const { clicked } = await openForm(desk)
    expect(await desk.sandbox.replay(clicked.raw)).toMatchObject({ status: 200 })
    expect(desk.sandbox.views()).toHaveLength(1)
    expect(await desk.told()).toEqual([])
  })

  test('from another workspace is refused in the form', async () => {
    const desk = await openDesk()
    const { requestId } = await desk.ask()
    const { status, body } = await desk.forge({
      type: 'view_submission',
      user: { id: alice, team_id: 'T0ELSEWHERE' },
      team: { id: 'T0GREENROOM' },
      view: {
        callback_id: 'greenroom.decline',
        private_metadata: requestId,
        state: { values: { reason: { reason: { type: 'plain_text_input', value: 'no' } } } },
      },
    })
    expect(status).toBe(200)
    expect(JSON.parse(body)).toMatchObject({
      errors: { reason: expect.stringContaining('another Slack workspace') },
    })
    expect((await desk.facts()).decisions).toEqual([])
  })
})
