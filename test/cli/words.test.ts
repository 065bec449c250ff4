import { PassThrough } from 'node:stream'
import { WriteStream } from 'node:tty'
import { afterEach, expect, test, vi } from 'vitest'
import { cutTo, paint, showDuration, showJson, showMetrics, table, widthOf } from '../../src/cli/words.ts'

afterEach(() => vi.unstubAllEnvs())

test('wide and combined characters take the columns that a terminal gives them, colours none', () => {
  expect(widthOf('abc')).toBe(3)
  expect(widthOf('模型')).toBe(4)
  expect(widthOf('e\u0301')).toBe(1)
  expect(widthOf('👩‍🔬')).toBe(2)
  expect(widthOf('\u001b[32mgreen\u001b[39m')).toBe(5)
})

test('the columns of a table begin below one another, whatever is in them', () => {
  const [, ...rows] = table(
    ['A', 'B'],
    [
      ['模型', 'x'],
      ['long name', 'x'],
      ['', 'x'],
    ],
  )
  expect(rows.map((row) => widthOf(row))).toEqual([12, 12, 12])
})

test('what is cut never takes more columns than there are, and shows that it was cut', () => {
  expect(cutTo('fits', 4)).toBe('fits')
  expect(cutTo('does not', 4)).toBe('doe…')
  for (const width of [0, 1, 2, 3, 5]) expect(widthOf(cutTo('模型 model', width))).toBeLessThanOrEqual(width)
})

test('figures are readable at every size', () => {
  expect([0.4, 999, 1_000, 59_949, 60_000, 3_725_000].map(showDuration)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1 min 0 s',
    '62 min 5 s',
  ])
  expect(showMetrics({ b: 2, a: 0.123456, c: 3 }, 2)).toBe('a 0.1235, b 2, …')
  expect(showMetrics({}, 2)).toBe('')
})

test('JSON says the same with nothing in it that a terminal would obey', () => {
  const document = { text: '\u001b\u009b\u202e\u2028\u{e0041}é模' }
  const text = showJson(document)
  expect(text).toBe('{"text":"\\u001b\\u009b\\u202e\\u2028\\udb40\\udc41é模"}')
  expect(JSON.parse(text)).toEqual(document)
})

test('colours are for terminals that want them', () => {
  const { getColorDepth } = WriteStream.prototype
  const terminal = Object.assign(new PassThrough(), { isTTY: true, getColorDepth }) as unknown as WriteStream
  const pipe = new PassThrough() as unknown as WriteStream
  vi.stubEnv('NO_COLOR', undefined)
  vi.stubEnv('FORCE_COLOR', undefined)
  vi.stubEnv('NODE_DISABLE_COLORS', undefined)
  vi.stubEnv('CI', undefined) // there Node takes terminals for colourless
  vi.stubEnv('TERM', 'xterm-256color')
  expect(paint('red', 'x', terminal)).toBe('\u001b[31mx\u001b[39m')
  expect(paint('red', 'x', pipe)).toBe('x')
  vi.stubEnv('NO_COLOR', '1')
  expect(paint('red', 'x', terminal)).toBe('x')
})
