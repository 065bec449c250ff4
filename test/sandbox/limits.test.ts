import { describe, expect, test } from 'vitest'
import { marked, plain, refusalOf, times } from './builders.ts'
import { ada, channel, openSandbox } from './setting.ts'

const button = (changes = {}) => ({ type: 'button', text: plain(5), ...changes })
const actions = (...elements: unknown[]) => ({ type: 'actions', elements })
const confirm = (changes = {}) =>
  actions(
    button({ confirm: { title: plain(5), text: marked(5), confirm: plain(5), deny: plain(5), ...changes } }),
  )
const image = (changes = {}) => ({
  type: 'image',
  image_url: 'https://example.com/a.png',
  alt_text: 'a',
  ...changes,
})
const rich = (...elements: unknown[]) => ({ type: 'rich_text', elements })
const run = { type: 'text', text: 'x' }

/** Each rule: what is just allowed, what is just too much, and the place the refusal points to. */
const rules: [rule: string, allowed: unknown[], refused: unknown[], pointer: string][] = [
  ['50 blocks', times(50, () => ({ type: 'divider' })), times(51, () => ({ type: 'divider' })), '/blocks'],
  [
    'section text of 3,000',
    [{ type: 'section', text: marked(3000) }],
    [{ type: 'section', text: marked(3001) }],
    '/blocks/0/text/text',
  ],
  [
    '10 fields',
    [{ type: 'section', fields: times(10, () => plain(1)) }],
    [{ type: 'section', fields: times(11, () => plain(1)) }],
    '/blocks/0/fields',
  ],
  [
    'field text of 2,000',
    [{ type: 'section', fields: [marked(2000)] }],
    [{ type: 'section', fields: [plain(1), marked(2001)] }],
    '/blocks/0/fields/1/text',
  ],
  ['text or fields in a section', [{ type: 'section', text: plain(1) }], [{ type: 'section' }], '/blocks/0'],
  [
    'header text of 150',
    [{ type: 'header', text: plain(150) }],
    [{ type: 'header', text: plain(151) }],
    '/blocks/0/text/text',
  ],
  [
    'plain text in a header',
    [{ type: 'header', text: plain(1) }],
    [{ type: 'header', text: marked(1) }],
    '/blocks/0/text/type',
  ],
  [
    'text that is not empty',
    [{ type: 'section', text: marked(1) }],
    [{ type: 'section', text: marked(0) }],
    '/blocks/0/text/text',
  ],
  [
    'button text of 75',
    [actions(button({ text: plain(75) }))],
    [actions(button({ text: plain(76) }))],
    '/blocks/0/elements/0/text/text',
  ],
  [
    'plain text on a button',
    [actions(button())],
    [actions(button({ text: marked(5) }))],
    '/blocks/0/elements/0/text/type',
  ],
  [
    'action id of 255',
    [actions(button({ action_id: 'a'.repeat(255) }))],
    [actions(button({ action_id: 'a'.repeat(256) }))],
    '/blocks/0/elements/0/action_id',
  ],
  [
    'button value of 2,000',
    [actions(button({ value: 'v'.repeat(2000) }))],
    [actions(button({ value: 'v'.repeat(2001) }))],
    '/blocks/0/elements/0/value',
  ],
  [
    'button address of 3,000',
    [actions(button({ url: 'u'.repeat(3000) }))],
    [actions(button({ url: 'u'.repeat(3001) }))],
    '/blocks/0/elements/0/url',
  ],
  [
    '25 buttons',
    [actions(...times(25, () => button()))],
    [actions(...times(26, () => button()))],
    '/blocks/0/elements',
  ],
  [
    'action ids that differ within a block',
    [actions(button({ action_id: 'a' }), button({ action_id: 'b' }))],
    [actions(button({ action_id: 'a' }), button({ action_id: 'a' }))],
    '/blocks/0/elements',
  ],
  [
    'no field that Slack does not have',
    [actions(button({ style: 'primary' }))],
    [actions(button({ disabled: true }))],
    '/blocks/0/elements/0',
  ],
  [
    '10 context elements',
    [{ type: 'context', elements: times(10, () => marked(1)) }],
    [{ type: 'context', elements: times(11, () => marked(1)) }],
    '/blocks/0/elements',
  ],
  [
    'block id of 255',
    [{ type: 'divider', block_id: 'b'.repeat(255) }],
    [{ type: 'divider', block_id: 'b'.repeat(256) }],
    '/blocks/0/block_id',
  ],
  [
    'block ids that differ',
    [
      { type: 'divider', block_id: 'a' },
      { type: 'divider', block_id: 'b' },
    ],
    [
      { type: 'divider', block_id: 'a' },
      { type: 'divider', block_id: 'a' },
    ],
    '/blocks',
  ],
  [
    'accessibility label of 75',
    [actions(button({ accessibility_label: 'a'.repeat(75) }))],
    [actions(button({ accessibility_label: 'a'.repeat(76) }))],
    '/blocks/0/elements/0/accessibility_label',
  ],
  [
    'confirm title of 100',
    [confirm({ title: plain(100) })],
    [confirm({ title: plain(101) })],
    '/blocks/0/elements/0/confirm/title/text',
  ],
  [
    'confirm text of 300',
    [confirm({ text: marked(300) })],
    [confirm({ text: marked(301) })],
    '/blocks/0/elements/0/confirm/text/text',
  ],
  [
    'confirm button of 30',
    [confirm({ confirm: plain(30) })],
    [confirm({ confirm: plain(31) })],
    '/blocks/0/elements/0/confirm/confirm/text',
  ],
  [
    'context text of 3,000',
    [{ type: 'context', elements: [marked(3000)] }],
    [{ type: 'context', elements: [marked(3001)] }],
    '/blocks/0/elements/0/text',
  ],
  [
    'image address of 3,000',
    [image({ image_url: 'u'.repeat(3000) })],
    [image({ image_url: 'u'.repeat(3001) })],
    '/blocks/0/image_url',
  ],
  [
    'image description of 2,000',
    [image({ alt_text: 'a'.repeat(2000) })],
    [image({ alt_text: 'a'.repeat(2001) })],
    '/blocks/0/alt_text',
  ],
  [
    'markdown of 12,000',
    [{ type: 'markdown', text: 'x'.repeat(12_000) }],
    [{ type: 'markdown', text: 'x'.repeat(12_001) }],
    '/blocks/0/text',
  ],
  ['known block types', [{ type: 'divider' }], [{ type: 'banner' }], '/blocks/0/type'],
  [
    'known rich text parts',
    [rich({ type: 'rich_text_section', elements: [run] })],
    [rich({ type: 'rich_text_table', elements: [run] })],
    '/blocks/0/elements/0/type',
  ],
  [
    'known rich text runs',
    [rich({ type: 'rich_text_quote', elements: [run] })],
    [rich({ type: 'rich_text_quote', elements: [{ type: 'html', text: 'x' }] })],
    '/blocks/0/elements/0/elements/0/type',
  ],
  [
    'sections inside a rich text list',
    [
      rich({
        type: 'rich_text_list',
        style: 'bullet',
        elements: [{ type: 'rich_text_section', elements: [run] }],
      }),
    ],
    [rich({ type: 'rich_text_list', style: 'bullet', elements: [run] })],
    '/blocks/0/elements/0/elements/0/type',
  ],
  [
    'only text and links in preformatted text',
    [rich({ type: 'rich_text_preformatted', elements: [run] })],
    [rich({ type: 'rich_text_preformatted', elements: [{ type: 'user', user_id: ada }] })],
    '/blocks/0/elements/0/elements/0/type',
  ],
]

describe('a message keeps to Slack’s limits', () => {
  test.each(rules)('%s', async (_rule, allowed, refused, pointer) => {
    const { sandbox, web } = await openSandbox()
    await web.chat.postMessage({ channel, text: 'x', blocks: allowed as never })
    expect(sandbox.messages()).toHaveLength(1)
    const refusal = await refusalOf(web.chat.postMessage({ channel, text: 'x', blocks: refused as never }))
    expect(refusal.error).toBe('invalid_blocks')
    expect(refusal.response_metadata.messages.join('\n')).toContain(`[json-pointer:${pointer}]`)
    expect(sandbox.messages()).toHaveLength(1)
  })

  test('a refusal reads as Slack’s own', async () => {
    const { web } = await openSandbox()
    const blocks = [
      { type: 'section', text: marked(3001) },
      actions(...times(26, () => button())),
      { type: 'header' },
    ]
    const refusal = await refusalOf(web.chat.postMessage({ channel, text: 'x', blocks: blocks as never }))
    expect(refusal).toMatchObject({
      ok: false,
      error: 'invalid_blocks',
      errors: [
        'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
        'no more than 25 items allowed [json-pointer:/blocks/1/elements]',
        'missing required field: text [json-pointer:/blocks/2]',
      ],
    })
    expect(refusal.response_metadata.messages[0]).toMatch(/^\[ERROR\] must be less than 3001 characters/)
  })

  test('the same limits hold for updates and ephemeral messages', async () => {
    const { web } = await openSandbox()
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'x' })
    const blocks = [{ type: 'header', text: plain(151) }] as never
    await expect(web.chat.update({ channel, ts, text: 'x', blocks })).rejects.toThrow('invalid_blocks')
    await expect(web.chat.postEphemeral({ channel, user: ada, text: 'x', blocks })).rejects.toThrow(
      'invalid_blocks',
    )
  })

  test('text is refused above 40,000 characters and warned of above 4,000', async () => {
    const { web } = await openSandbox()
    const at = (length: number) => web.chat.postMessage({ channel, text: 'x'.repeat(length) })
    expect((await at(4000)).response_metadata?.warnings).toBeUndefined()
    expect((await at(4001)).response_metadata?.warnings).toEqual(['text_longer_than_advised'])
    expect((await at(40_000)).ok).toBe(true)
    await expect(at(40_001)).rejects.toThrow('msg_too_long')
  })

  test('the text of an update is limited to 4,000 bytes', async () => {
    const { web } = await openSandbox()
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'x' })
    expect((await web.chat.update({ channel, ts, text: 'é'.repeat(2000) })).ok).toBe(true)
    await expect(web.chat.update({ channel, ts, text: `${'é'.repeat(2000)}x` })).rejects.toThrow(
      'msg_too_long',
    )
  })

  test('all blocks together hold at most 12,000 characters', async () => {
    const { web } = await openSandbox()
    const post = (lengths: number[]) =>
      web.chat.postMessage({
        channel,
        text: 'x',
        blocks: lengths.map((length) => ({ type: 'section', text: marked(length) })) as never,
      })
    expect((await post([3000, 3000, 3000, 3000])).ok).toBe(true)
    await expect(post([3000, 3000, 3000, 3000, 1])).rejects.toThrow('msg_blocks_too_long')
  })
})
