import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RequestView } from '../../../src/notifiers/notifier.ts'
import { requestMessage } from '../../../src/notifiers/slack/message.ts'
import { limits } from '../../../src/sandbox/block-kit/limits.ts'
import { readContent } from '../../../src/sandbox/methods/content.ts'
import { evilTexts, requestView, someRequest, versionView } from '../views.ts'

const publicUrl = 'http://127.0.0.1:4100'
const message = (view: RequestView) => requestMessage(view, publicUrl)

/** Every `text` of the blocks in reading order, as a reader sees it. */
function wordsOf(view: RequestView): string {
  const collect = (value: unknown): string[] => {
    if (Array.isArray(value)) return value.flatMap(collect)
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, item]) =>
      (key === 'text' || key === 'fallback') && typeof item === 'string' ? [item] : collect(item),
    )
  }
  return collect(message(view).blocks).join('\n')
}

/** Every object in the blocks that has a `type`. */
function nodesOf(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf)
  if (typeof value !== 'object' || value === null) return []
  const node = value as Record<string, unknown>
  return [...('type' in node ? [node] : []), ...Object.values(node).flatMap(nodesOf)]
}

describe('a request in Slack', () => {
  test('asks in one sentence, with what is replaced', () => {
    expect(wordsOf(requestView())).toContain(
      'Promote version 2 of rossmann-ensemble to Production, replacing version 1.',
    )
    expect(wordsOf(requestView({ archiveExisting: false }))).toContain('beside version 1, which stays there')
    expect(wordsOf(requestView({ incumbent: null }))).toContain('where no version is yet')
  })

  test('shows candidate against incumbent in aligned columns, what was measured here first', () => {
    expect(wordsOf(requestView())).toContain(
      [
        '         version 2  version 1',
        'measured here on the same hold-out data',
        '  rmspe     0.1101     0.1235  ↓ 10.9 % better',
        'reported when registered',
        '  rmspe     0.1083     0.1212  ↓ 10.6 % better',
        '  rows      844392     844392  equal',
      ].join('\n'),
    )
  })

  test('shows checks with their verdicts, lineage, deciders and both ids', () => {
    const words = wordsOf(requestView({ quorum: 2, approvers: ['anna', 'ben', 'dora'] }))
    for (const fact of [
      '✓ artifact: model.onnx is there',
      'carol@example.com',
      '7c2e9c51b8d94f0e8a6d1b6f1e0a4c2d',
      'sha256:ab12cd34ef56…',
      'file:///models/rossmann/v2.onnx',
      'dataset = rossmann-2015-07   team = retail',
      'Averages two regressors.',
      '2 of anna, ben and dora',
      '2026-01-05 03:04 UTC',
      'Request a3c1a0f2-5a9c-4f1e-9f51-0c4f2b1d7e11, trace b1f0c2de-1111-4222-8333-444455556666',
    ])
      expect(words).toContain(fact)
  })

  test('says what an unknown author means', () => {
    const view = requestView({ candidate: versionView({ author: null }) })
    expect(wordsOf(view)).toContain('unknown: self-approval cannot be ruled out')
  })

  test('carries two buttons with the request as their value while it is open, approving only after a question', () => {
    const buttons = nodesOf(message(requestView()).blocks).filter((node) => node.type === 'button')
    const value = 'a3c1a0f2-5a9c-4f1e-9f51-0c4f2b1d7e11'
    expect(buttons).toMatchObject([
      { action_id: 'greenroom.approve', value, confirm: { title: { text: 'Promote version 2?' } } },
      { action_id: 'greenroom.decline', value },
    ])
  })

  test('shows the approvals that have been counted', () => {
    const at = new Date('2026-01-02T04:00:00Z')
    const view = requestView({
      quorum: 2,
      decisions: [{ principal: 'anna', answer: 'approve', reason: 'looks good', at }],
    })
    expect(wordsOf(view)).toContain('1 of 2 approvals given, by anna.')
    expect(wordsOf(view)).toContain('anna: “looks good”')
  })

  const closedAt = new Date('2026-01-02T05:00:00Z')
  const by = (principal: string, answer: 'approve' | 'decline', reason: string | null) => ({
    closedAt,
    decisions: [{ principal, answer, reason, at: closedAt }],
  })
  test.each<[RequestView['state'], Partial<RequestView>, string[]]>([
    [
      'approved',
      by('anna', 'approve', 'fine'),
      ['Approved by anna.', 'anna: “fine”', '2026-01-02 05:00 UTC'],
    ],
    [
      'declined',
      by('ben', 'decline', 'too slow'),
      ['Declined by ben.', 'ben: “too slow”', '2026-01-02 05:00 UTC'],
    ],
    ['expired', { closedAt, outcomeReason: 'nobody decided in time' }, ['Expired: nobody decided in time.']],
    ['withdrawn', { closedAt, outcomeReason: 'it was archived' }, ['Withdrawn: it was archived.']],
    ['stale', { closedAt, outcomeReason: 'the policy changed' }, ['Out of date: the policy changed.']],
  ])('%s, it has no buttons and says who ended it, when and why', (state, over, facts) => {
    const view = requestView({ state, ...over })
    expect(nodesOf(message(view).blocks).filter((node) => node.type === 'button')).toEqual([])
    for (const fact of facts) expect(wordsOf(view)).toContain(fact)
  })

  test('says how much it leaves out', () => {
    const numbers = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`m${n}`, n]))
    const tags = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`t${n}`, 'v']))
    const checks = Array.from({ length: 13 }, () => ({
      kind: 'metrics',
      verdict: 'passed' as const,
      summary: 's',
      measured: null,
    }))
    const approvers = Array.from({ length: 20 }, (_, n) => `person${n}`)
    const candidate = versionView({ metrics: numbers, tags })
    const words = wordsOf(requestView({ candidate, incumbent: null, checks, approvers }))
    for (const rest of ['and 490 more', 'and 9994 more', 'and 3 more', 'or 12 more'])
      expect(words).toContain(rest)
  })
})

describe('what others wrote', () => {
  test('never stands where Slack reads markup, and Slack accepts the message, whatever it is (R29)', () => {
    const allowed = new Set([
      'header',
      'plain_text',
      'rich_text',
      'rich_text_section',
      'rich_text_preformatted',
      'rich_text_quote',
      'text',
      'date',
      'link',
      'actions',
      'button',
      'context',
    ])
    fc.assert(
      fc.property(someRequest, (view) => {
        const { text, blocks } = message(view)
        const nodes = nodesOf(blocks)
        expect(nodes.map((node) => node.type).filter((type) => !allowed.has(String(type)))).toEqual([])
        expect(nodes.filter((node) => node.type === 'link').map((node) => node.url)).toEqual([publicUrl])
        expect(text).not.toMatch(/[<>*~`]|&(?!(amp|lt|gt);)|:\/\/|:[\w+-]+:/)
        expect(JSON.stringify(blocks)).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2060\ufeff]/)
        expect(readContent({ text, blocks: JSON.parse(JSON.stringify(blocks)) })).toMatchObject({
          kind: 'fine',
        })
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limits.updateTextBytes)
      }),
      { numRuns: 150 },
    )
  })

  test('is shown as it was written, but for what cannot be seen', () => {
    for (const text of evilTexts.filter((one) => one.replace('\u200B', '').trim() !== '')) {
      const seen = text
        .toWellFormed()
        .replace(/[\u202E\u200B\u2060\uFEFF]/g, '')
        .replace(/\p{Cc}+|\u2028/gu, ' ')
        .replace(/(\u0301{4})\u0301+/, '$1')
        .trim()
      const words = wordsOf(requestView({ candidate: versionView({ author: text }) }))
      expect(words).toContain(seen.slice(0, 60))
    }
  })

  test('is never so long that it pushes out what is ours', () => {
    const words = wordsOf(requestView({ model: 'm'.repeat(5_000), traceId: 't'.repeat(5_000) }))
    expect(words).toContain(', version 2')
    expect(words).toContain('m… to Production, replacing version 1.')
  })
})
