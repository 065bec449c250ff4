import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openMemory } from '../src/memory.ts'

/** A memory, and a search whose answers tell how many there have been. */
function open(forMs: number, most = 10) {
  let times = 0
  const memory = openMemory<number>(forMs, most)
  return { memory, recall: (key: string) => memory.recall(key, async () => ++times) }
}

test('what is asked for again is not looked for again, also while it is still being looked for', async () => {
  const { recall } = open(60_000)
  expect(await Promise.all([recall('a'), recall('a')])).toEqual([1, 1])
  expect(await recall('a')).toBe(1)
  expect(await recall('b')).toBe(2)
})

test('it is held for a time from when it was first asked for, however often it is asked for', async () => {
  const { recall } = open(100)
  const end = performance.now() + 150
  expect(await recall('a')).toBe(1)
  while (performance.now() < end) {
    await recall('a')
    await sleep(10)
  }
  expect(await recall('a')).toBeGreaterThan(1)
})

test('what is forgotten is looked for anew, also when it was still being looked for', async () => {
  const { memory, recall } = open(60_000)
  const slow = Promise.withResolvers<number>()
  const before = memory.recall('a', () => slow.promise)
  memory.forget('a')
  expect(await recall('a')).toBe(1)
  slow.resolve(0)
  expect(await before).toBe(0)
  expect(await recall('a')).toBe(1)
})

test('a failure is told to those who wait, and not held', async () => {
  const { memory, recall } = open(60_000)
  const fail = () => memory.recall('a', () => Promise.reject(new Error('away')))
  const answers = await Promise.allSettled([fail(), recall('a')])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await recall('a')).toBe(1)
})

test('a failure that comes late takes nothing away from what was found since', async () => {
  const { memory, recall } = open(60_000)
  const late = Promise.withResolvers<number>()
  const before = memory.recall('a', () => late.promise)
  memory.forget('a')
  expect(await recall('a')).toBe(1)
  late.reject(new Error('away'))
  await expect(before).rejects.toThrow('away')
  expect(await recall('a')).toBe(1)
})

test('it holds no more than it may', async () => {
  const { recall } = open(60_000, 2)
  for (const key of ['a', 'b', 'c']) await recall(key)
  expect(await recall('c')).toBe(3)
  expect(await recall('a')).toBe(4)
})
