import { expect, test } from 'vitest'
import { parseDuration } from '../src/duration.ts'

test.each([
  ['250ms', 250],
  ['10s', 10_000],
  ['5m', 300_000],
  ['72h', 259_200_000],
  ['30d', 2_592_000_000],
  ['1.1s', 1100],
  ['0.5ms', 0.5],
  [' 10s ', 10_000],
  ['0s', 0],
])('reads %j as %d milliseconds', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  '',
  '10',
  's',
  '10 s',
  '-1s',
  '+1s',
  '1e3s',
  '1h30m',
  '10S',
  '10sec',
  '1,5s',
  '.5s',
  '1.s',
  'Infinitys',
  '9999999999s',
  '10s\n5s',
])('does not take %j for a duration', (text) => {
  expect(parseDuration(text)).toBeNull()
})
