import { expect, test } from 'vitest'
import { marked, plain, type Refusal, refusalOf, times } from './builders.ts'
import { ada, channel, openApp, openSandbox, question } from './setting.ts'

type View = Record<string, unknown>

const input = (element: View, changes: View = {}) => ({
  blocks: [{ type: 'input', label: plain(5), element, ...changes }],
})
const line = { type: 'plain_text_input' }
const option = (changes: View = {}) => ({ text: plain(5), value: 'v', ...changes })
const select = (...options: unknown[]) => ({ type: 'static_select', options })
const fine: View = { type: 'modal', title: plain(5), submit: plain(5), blocks: [{ type: 'divider' }] }

/** Each rule: what is just allowed, what is just too much, and the place the refusal points to. */
const rules: [rule: string, allowed: View, refused: View, pointer: string][] = [
  ['title of 24', { title: plain(24) }, { title: plain(25) }, '/title/text'],
  ['submit label of 24', { submit: plain(24) }, { submit: plain(25) }, '/submit/text'],
  [
    '100 blocks',
    { blocks: times(100, () => ({ type: 'divider' })) },
    { blocks: times(101, () => ({ type: 'divider' })) },
    '/blocks',
  ],
  ['a submit button beside inputs', input(line), { ...input(line), submit: undefined }, ''],
  [
    'private metadata of 3,000',
    { private_metadata: 'x'.repeat(3000) },
    { private_metadata: 'x'.repeat(3001) },
    '/private_metadata',
  ],
  ['callback id of 255', { callback_id: 'x'.repeat(255) }, { callback_id: 'x'.repeat(256) }, '/callback_id'],
  [
    'input label of 2,000',
    input(line, { label: plain(2000) }),
    input(line, { label: plain(2001) }),
    '/blocks/0/label/text',
  ],
  ['plain text as an input label', input(line), input(line, { label: marked(5) }), '/blocks/0/label/type'],
  [
    'input length of 3,000',
    input({ ...line, max_length: 3000 }),
    input({ ...line, max_length: 3001 }),
    '/blocks/0/element/max_length',
  ],
  [
    'placeholder of 150',
    input({ ...line, placeholder: plain(150) }),
    input({ ...line, placeholder: plain(151) }),
    '/blocks/0/element/placeholder/text',
  ],
  [
    'option text of 75',
    input(select(option({ text: plain(75) }))),
    input(select(option({ text: plain(76) }))),
    '/blocks/0/element/options/0/text/text',
  ],
  [
    'option value of 150',
    input(select(option({ value: 'v'.repeat(150) }))),
    input(select(option({ value: 'v'.repeat(151) }))),
    '/blocks/0/element/options/0/value',
  ],
  [
    '100 options of a select',
    input(select(...times(100, () => option()))),
    input(select(...times(101, () => option()))),
    '/blocks/0/element/options',
  ],
  [
    '10 options to tick',
    input({ type: 'checkboxes', options: times(10, () => option()) }),
    input({ type: 'checkboxes', options: times(11, () => option()) }),
    '/blocks/0/element/options',
  ],
  ['known inputs', input(line), input({ type: 'file_input' }), '/blocks/0/element/type'],
  ['no field that Slack does not have', { clear_on_close: true }, { submit_disabled: true }, ''],
]

test.each(rules)('a modal keeps to Slack’s limits: %s', async (_rule, allowed, refused, pointer) => {
  const { sandbox, web } = await openSandbox()
  const refusals: Refusal[] = []
  await openApp(sandbox, async ({ trigger_id }) => {
    const open = (changes: View) => web.views.open({ trigger_id, view: { ...fine, ...changes } as never })
    refusals.push(await refusalOf(open(refused)))
    await open(allowed)
    return undefined
  })
  const { ts = '' } = await web.chat.postMessage({ channel, text: 'x', blocks: question as never })
  await sandbox.click({ ts, actionId: 'decline', userId: ada })

  expect(refusals[0]?.error).toBe('invalid_arguments')
  expect(refusals[0]?.response_metadata.messages.join('\n')).toContain(`[json-pointer:/view${pointer}]`)
  expect(sandbox.views()).toMatchObject([allowed.title ? { modal: { title: allowed.title } } : { user: ada }])
})

test('a modal keeps to Slack’s limits: 250,000 bytes of JSON', async () => {
  const { sandbox, web } = await openSandbox()
  const sections = (last: number) => [
    ...times(81, () => ({ type: 'section', text: marked(3000) })),
    { type: 'section', text: marked(last) },
  ]
  const room = 250_000 - JSON.stringify({ ...fine, blocks: sections(1) }).length
  const outcomes: (string | undefined)[] = []
  await openApp(sandbox, async ({ trigger_id }) => {
    const open = (last: number) =>
      web.views.open({ trigger_id, view: { ...fine, blocks: sections(last) } as never })
    outcomes.push((await refusalOf(open(room + 2))).error)
    await open(room + 1)
    return undefined
  })
  const { ts = '' } = await web.chat.postMessage({ channel, text: 'x', blocks: question as never })
  await sandbox.click({ ts, actionId: 'decline', userId: ada })
  expect(outcomes).toEqual(['view_too_large'])
  expect(sandbox.views()).toHaveLength(1)
})
