import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { openProgress } from '../../src/cli/progress.ts'
import { widthOf } from '../../src/cli/words.ts'
import type { Check, Validation } from '../../src/client/api.ts'

test('on a terminal the checks are redrawn in place, and stand in full at the end', () => {
  const terminal = openTerminal(60, 20)
  const progress = openProgress(terminal.stream)
  progress.show([run('validate', [check('artifact'), check('smoke')])])
  expect(terminal.screen()).toEqual([
    'Checks before Staging',
    expect.stringMatching(/^ {2}⠋ running {7}artifact {2}\d+ ms$/),
    expect.stringMatching(/^ {2}⠋ running {7}smoke {5}\d+ ms$/),
  ])
  progress.show([run('validate', [check('artifact', 'passed', 'there'), check('smoke')])])
  expect(terminal.screen()).toEqual([
    'Checks before Staging',
    '  ✔ passed        artifact  12 ms     there',
    expect.stringMatching(/^ {2}⠙ running {7}smoke/),
  ])
  const long = 'p95 0.8 ms, which is below the limit of 50 ms that the policy sets'
  progress.end([run('validate', [check('artifact', 'passed', 'there'), check('smoke', 'failed', long)])])
  expect(terminal.screen()).toEqual([
    'Checks before Staging',
    '  ✔ passed        artifact  12 ms     there',
    `  ✘ failed        smoke     12 ms     ${long}`,
  ])
})

test('what is redrawn never wraps and never leaves the screen, or it could not be redrawn', () => {
  const terminal = openTerminal(40, 5)
  const progress = openProgress(terminal.stream)
  const checks = Array.from({ length: 8 }, (_, at) => check(`check-${at}`, 'passed', '模型 '.repeat(30)))
  progress.show([run('validate', checks)])
  progress.show([run('validate', checks)])
  expect(terminal.screen()).toHaveLength(4)
  for (const line of terminal.screen()) expect(widthOf(line)).toBeLessThanOrEqual(40)
  progress.end([run('validate', checks)])
  expect(terminal.screen()).toHaveLength(9)
})

test('without a terminal each check is one line, written once, when it has ended', () => {
  const stream = new PassThrough()
  const progress = openProgress(stream as unknown as NodeJS.WriteStream)
  progress.show([run('validate', [check('artifact'), check('smoke')])])
  expect(stream.read()).toBe(null)
  const first = run('validate', [check('artifact', 'passed', 'there'), check('smoke')])
  progress.show([first])
  progress.show([first])
  const second = run('test', [check('artifact', 'errored', 'evil \u001b[2J')])
  progress.end([
    run('validate', [check('artifact', 'passed', 'there'), check('smoke', 'failed', 'slow')]),
    second,
  ])
  expect(String(stream.read()).split('\n')).toEqual([
    'Checks before Staging',
    '  passed artifact (12 ms): there',
    '  failed smoke (12 ms): slow',
    'Tests in Staging',
    '  errored artifact (12 ms): evil \\u{1b}[2J',
    '',
  ])
})

function check(kind: string, verdict: Check['verdict'] = null, summary: string | null = null): Check {
  const times =
    verdict === null
      ? { started_at: null, finished_at: null }
      : { started_at: '2026-01-01T00:00:00.000Z', finished_at: '2026-01-01T00:00:00.012Z' }
  return { check: kind, verdict, summary, measured: null, digest: null, ...times }
}

function run(suite: Validation['suite'], checks: Check[]): Validation {
  return {
    id: suite,
    suite,
    status: 'running',
    policy_hash: '',
    incumbent_version: null,
    digest: null,
    opened_at: '2026-01-01T00:00:00.000Z',
    closed_at: null,
    checks,
  }
}

/** A terminal of this size without colours, which understands what the progress uses: up, and erase what is below. */
function openTerminal(columns: number, rows: number) {
  const lines: string[] = ['']
  let row = 0
  const type = (text: string) => {
    const [first = '', ...more] = text.split('\n')
    lines[row] += first
    for (const line of more) lines[++row] = line
  }
  const write = (text: string) => {
    const [plain = '', ...sequences] = text.split('\u001b[')
    type(plain)
    for (const sequence of sequences) {
      const [, count = '', verb = '', rest = ''] = /^(\d+)([AJm])(.*)$/s.exec(sequence) ?? []
      if (verb === 'A') row -= Number(count)
      else if (verb === 'J') lines.splice(row, Number.POSITIVE_INFINITY, '')
      else if (verb !== 'm') throw new Error(`no such sequence: ${sequence}`)
      type(rest)
    }
    return true
  }
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns, rows, write })
  return { stream: stream as unknown as NodeJS.WriteStream, screen: () => lines.slice(0, -1) }
}
