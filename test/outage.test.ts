import { expect, test } from 'vitest'
import { tellOutage } from '../src/outage.ts'

test('an outage is told at once, then every half minute, and when it is over', () => {
  let now = 0
  const told: string[] = []
  const { lost, back } = tellOutage(
    { lost: ({ message }) => told.push(`${now} ${message}`), back: () => told.push(`${now} back`) },
    () => now,
  )
  back()
  for (; now < 61_000; now += 100) lost(new Error('away'))
  back()
  back()
  lost(new Error('again'))
  expect(told).toEqual(['0 away', '30000 away', '60000 away', '61000 back', '61000 again'])
})
