import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startLoop } from '../../src/workers/background.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('of turns that fail one after the other ever fewer are told, and the next row begins anew', async () => {
  const told: number[] = []
  let turns = 0
  let works = false
  const turn = async () => {
    turns += 1
    if (works) return 1_000
    throw new Error('away')
  }
  const loop = startLoop(turn, () => told.push(turns))
  await vi.advanceTimersByTimeAsync(130_000)
  expect(told).toEqual([1, 2, 4, 8, 16, 32, 60, 64, 120, 128])
  works = true
  await vi.advanceTimersByTimeAsync(1_000)
  works = false
  told.length = 0
  const before = turns
  await vi.advanceTimersByTimeAsync(2_000)
  expect(told).toEqual([before + 1, before + 2])
  await loop.stop()
})
