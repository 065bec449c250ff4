import { describe, expect, test } from 'vitest'
import type { Handler, Payload } from './app.ts'
import { ada, bob, channel, openApp, openSandbox, question } from './setting.ts'

const plain = (text: string) => ({ type: 'plain_text', text })
const option = (value: string) => ({ text: plain(value), value })
const reasonModal = {
  type: 'modal',
  callback_id: 'decline',
  private_metadata: 'request-1',
  title: plain('Decline'),
  submit: plain('Decline'),
  blocks: [
    {
      type: 'input',
      block_id: 'reason',
      label: plain('Reason'),
      element: { type: 'plain_text_input', action_id: 'text', min_length: 3, max_length: 10 },
    },
    {
      type: 'input',
      block_id: 'kind',
      optional: true,
      label: plain('Kind'),
      element: { type: 'static_select', action_id: 'kind', options: [option('quality'), option('timing')] },
    },
    {
      type: 'input',
      block_id: 'tell',
      optional: true,
      label: plain('Tell'),
      element: { type: 'checkboxes', action_id: 'tell', options: [option('author'), option('channel')] },
    },
    {
      type: 'input',
      block_id: 'until',
      optional: true,
      label: plain('Until'),
      element: { type: 'datepicker', action_id: 'until' },
    },
    {
      type: 'input',
      block_id: 'gain',
      optional: true,
      label: plain('Gain'),
      element: { type: 'number_input', action_id: 'gain', is_decimal_allowed: false, min_value: '1' },
    },
  ],
}

/** Somebody clicks Decline, the app opens the modal; `onSubmit` answers what is sent off. */
async function openModal(onSubmit: Handler = async () => undefined, view: object = reasonModal) {
  const { sandbox, web, clock } = await openSandbox()
  const submissions: Payload[] = []
  const app = await openApp(sandbox, async (payload) => {
    if (payload.type === 'block_actions') {
      await web.views.open({ trigger_id: payload.trigger_id, view: view as never })
      return undefined
    }
    submissions.push(payload)
    return onSubmit(payload)
  })
  const { ts = '' } = await web.chat.postMessage({ channel, text: 'Promote?', blocks: question as never })
  const clicked = await sandbox.click({ ts, actionId: 'decline', userId: ada })
  expect(clicked.ok).toBe(true)
  const viewId = sandbox.views()[0]?.id ?? ''
  return { sandbox, web, clock, app, ts, viewId, submissions }
}

describe('opening a modal', () => {
  test('shows it to the person who clicked', async () => {
    const { sandbox, viewId } = await openModal()
    expect(sandbox.views()).toMatchObject([{ id: viewId, user: ada, modal: { title: plain('Decline') } }])
  })

  test('works once and for three seconds with one trigger', async () => {
    const { sandbox, web, clock } = await openSandbox()
    const outcomes: string[] = []
    const open = (trigger_id: string) =>
      web.views.open({ trigger_id, view: reasonModal as never }).then(
        () => outcomes.push('opened'),
        (error: Error) => outcomes.push(error.message.split(': ')[1] ?? ''),
      )
    let wait = 0
    await openApp(sandbox, async ({ trigger_id }) => {
      clock.now += wait
      await open(trigger_id)
      await open(trigger_id)
      return undefined
    })
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'x', blocks: question as never })
    await sandbox.click({ ts, actionId: 'decline', userId: ada })
    wait = 3001
    await sandbox.click({ ts, actionId: 'decline', userId: ada })
    await open('12345.98765.abcd')
    expect(outcomes).toEqual([
      'opened',
      'exchanged_trigger_id',
      'expired_trigger_id',
      'expired_trigger_id',
      'invalid_trigger_id',
    ])
  })
})

describe('sending off a modal', () => {
  test('gives the app every value in Slack’s form, signed, and closes the modal', async () => {
    const { sandbox, viewId, submissions } = await openModal()
    const values = { reason: 'Too slow', kind: 'timing', tell: ['author', 'channel'], gain: '4' }
    const submitted = await sandbox.submitView({ viewId, userId: ada, values })
    expect(submitted).toMatchObject({ kind: 'closed', status: 200 })
    expect(submissions[0]).toMatchObject({
      type: 'view_submission',
      user: { id: ada },
      trigger_id: expect.any(String),
      view: {
        id: viewId,
        callback_id: 'decline',
        private_metadata: 'request-1',
        state: {
          values: {
            reason: { text: { type: 'plain_text_input', value: 'Too slow' } },
            kind: { kind: { type: 'static_select', selected_option: option('timing') } },
            tell: { tell: { type: 'checkboxes', selected_options: [option('author'), option('channel')] } },
            until: { until: { type: 'datepicker', selected_date: null } },
            gain: { gain: { type: 'number_input', value: '4' } },
          },
        },
      },
    })
    expect(sandbox.views()).toEqual([])
  })

  test('is kept back, as in Slack’s client, until what is required is there', async () => {
    const { sandbox, viewId, submissions } = await openModal()
    const bad: [Record<string, string>, string][] = [
      [{}, 'reason'],
      [{ reason: '' }, 'reason'],
      [{ reason: 'no' }, 'reason'],
      [{ reason: 'x'.repeat(11) }, 'reason'],
      [{ reason: 'fine', kind: 'other' }, 'kind'],
      [{ reason: 'fine', gain: 'much' }, 'gain'],
      [{ reason: 'fine', gain: '0' }, 'gain'],
    ]
    for (const [values, blockId] of bad) {
      const submitted = await sandbox.submitView({ viewId, userId: ada, values })
      expect(submitted, JSON.stringify(values)).toEqual({
        kind: 'incomplete',
        errors: { [blockId]: expect.any(String) },
      })
    }
    expect(submissions).toEqual([])
    expect(sandbox.views()).toHaveLength(1)
  })

  test('stays open with the app’s errors', async () => {
    const errors = { reason: 'Say a little more.' }
    const { sandbox, viewId } = await openModal(async () => ({ body: { response_action: 'errors', errors } }))
    const submitted = await sandbox.submitView({ viewId, userId: ada, values: { reason: 'Because' } })
    expect(submitted).toMatchObject({ kind: 'rejected', errors })
    expect(sandbox.views()).toMatchObject([{ id: viewId, errors }])
  })

  test('shows the next modal where the app updates or pushes one, three deep at most', async () => {
    const next = { ...reasonModal, title: plain('Sure?') }
    const updated = await openModal(async () => ({ body: { response_action: 'update', view: next } }))
    const values = { reason: 'Because' }
    expect(await updated.sandbox.submitView({ viewId: updated.viewId, userId: ada, values })).toMatchObject({
      kind: 'updated',
    })
    expect(updated.sandbox.views()).toMatchObject([{ id: updated.viewId, modal: { title: plain('Sure?') } }])

    const pushed = await openModal(async () => ({ body: { response_action: 'push', view: next } }))
    const kinds: string[] = []
    for (const _ of [1, 2, 3]) {
      const viewId = pushed.sandbox.views().at(-1)?.id ?? ''
      kinds.push((await pushed.sandbox.submitView({ viewId, userId: ada, values })).kind)
    }
    expect(kinds).toEqual(['pushed', 'pushed', 'failed'])
    expect(pushed.sandbox.views()).toHaveLength(3)
  })

  test('closes every modal on clear', async () => {
    const answers = [{ response_action: 'push', view: reasonModal }, { response_action: 'clear' }]
    const { sandbox } = await openModal(async () => ({ body: answers.shift() }))
    for (const _ of [1, 2]) {
      const viewId = sandbox.views().at(-1)?.id ?? ''
      await sandbox.submitView({ viewId, userId: ada, values: { reason: 'Because' } })
    }
    expect(sandbox.views()).toEqual([])
  })

  test.each([
    ['a server error', { status: 500 }],
    ['an answer that is no response action', { body: { hello: 'there' } }],
    ['a next modal beyond the limits', { body: { response_action: 'update', view: { type: 'modal' } } }],
  ])('fails on %s and keeps the modal open', async (_name, answer) => {
    const { sandbox, viewId } = await openModal(async () => answer)
    const submitted = await sandbox.submitView({ viewId, userId: ada, values: { reason: 'Because' } })
    expect(submitted.kind).toBe('failed')
    expect(sandbox.views()).toHaveLength(1)
  })

  test('is open only to the person who sees the modal', async () => {
    const { sandbox, viewId } = await openModal()
    const values = { reason: 'Because' }
    await expect(sandbox.submitView({ viewId, userId: bob, values })).rejects.toThrow(/no modal/)
    await sandbox.submitView({ viewId, userId: ada, values })
    await expect(sandbox.submitView({ viewId, userId: ada, values })).rejects.toThrow(/no modal/)
  })
})

test('a modal that is put away tells the app where it asked for that', async () => {
  for (const [view, told] of [
    [reasonModal, []],
    [{ ...reasonModal, notify_on_close: true }, ['view_closed']],
  ] as const) {
    const { sandbox, viewId, submissions } = await openModal(undefined, view)
    const response = await fetch(`${sandbox.url}/page/dismiss`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ viewId, userId: ada }),
    })
    expect(response.status).toBe(200)
    expect(sandbox.views()).toEqual([])
    expect(submissions.map((payload) => payload.type)).toEqual(told)
  }
})
