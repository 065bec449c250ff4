import fc from 'fast-check'
import { expect, test } from 'vitest'
import { consoleNotifier } from '../../src/notifiers/console.ts'
import { requestView, someRequest, versionView } from './views.ts'

function written() {
  const lines: string[] = []
  return { lines, notifier: consoleNotifier((line) => lines.push(line)) }
}

test('tells what is asked, on what grounds, and the commands that answer', async () => {
  const { lines, notifier } = written()
  expect(await notifier.post(requestView(), false)).toEqual({ kind: 'sent', message: {} })
  for (const line of [
    'Promote version 2 of rossmann-ensemble to Production, replacing version 1.',
    '  author carol@example.com',
    '    rmspe     0.1101     0.1235  ↓ 10.9 % better',
    '  ✓ artifact: model.onnx is there',
    'Decides: anna or ben; open until 2026-01-05T03:04:05.000Z',
    '  greenroom approve a3c1a0f2-5a9c-4f1e-9f51-0c4f2b1d7e11',
    '  greenroom decline a3c1a0f2-5a9c-4f1e-9f51-0c4f2b1d7e11 --reason "…"',
  ])
    expect(lines).toContain(line)
})

test('tells how a request ended, and offers no command any more', async () => {
  const { lines, notifier } = written()
  const at = new Date()
  const decisions = [{ principal: 'ben', answer: 'decline' as const, reason: 'too slow', at }]
  expect(await notifier.update(requestView({ state: 'declined', decisions }), {})).toEqual({ kind: 'sent' })
  expect(lines).toEqual([
    '✗ Declined: rossmann-ensemble, version 2',
    'Declined by ben. Version 2 stays in Staging.',
    '  ben: “too slow”',
  ])
})

test('spells out what would steer a terminal', async () => {
  const { lines, notifier } = written()
  await notifier.post(
    requestView({ candidate: versionView({ author: '\u001b]0;owned\u0007\nroot' }) }),
    false,
  )
  expect(lines).toContain('  author \\u{1b}]0;owned\\u{7}\\nroot')
  await notifier.replyPrivately({ channel: 'c', user: 'anna' }, 'no\u001b[2J')
  expect(lines.at(-1)).toBe('To anna: no\\u{1b}[2J')
})

test('writes whole lines and nothing else, whatever people wrote', () => {
  fc.assert(
    fc.asyncProperty(someRequest, async (view) => {
      const { lines, notifier } = written()
      await notifier.post(view, true)
      await notifier.update(view, {})
      for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
  )
})
