import { describe, expect, test } from 'vitest'
import { takeTogether } from '../src/take-together.ts'

/** What is taken ends when the test says so. */
function openTaking(most?: number) {
  const taken: { key: string; all: number[]; answer: PromiseWithResolvers<string[]> }[] = []
  const take = takeTogether<number, string>((key, all) => {
    const answer = Promise.withResolvers<string[]>()
    taken.push({ key, all, answer })
    return answer.promise
  }, most)
  const end = (index: number, when = '') =>
    taken[index]?.answer.resolve(taken[index].all.map((one) => `${one}${when}`))
  return { taken, take, end }
}

describe('what comes for one key', () => {
  test('alone is taken at once, each time', async () => {
    const { taken, take, end } = openTaking()
    for (const one of [1, 2]) {
      const answer = take('a', one)
      expect(taken).toHaveLength(one)
      end(one - 1)
      expect(await answer).toBe(`${one}`)
    }
  })

  test('while something is under way is taken after that has ended, together, and each has its own answer', async () => {
    const { taken, take, end } = openTaking()
    const first = take('a', 1)
    const late = [take('a', 2), take('a', 3), take('a', 4)]
    expect(taken.map(({ all }) => all)).toEqual([[1]])
    end(0, ' before')
    expect(await first).toBe('1 before')
    expect(taken.map(({ all }) => all)).toEqual([[1], [2, 3, 4]])
    end(1, ' after')
    expect(await Promise.all(late)).toEqual(['2 after', '3 after', '4 after'])
  })

  test('is taken so many at a time, in the order in which it came', async () => {
    const { taken, take, end } = openTaking(2)
    const all = [1, 2, 3, 4, 5, 6].map((one) => take('a', one))
    for (const [index, until] of [1, 3, 5, 6].entries()) {
      end(index)
      await all[until - 1]
    }
    expect(taken.map((one) => one.all)).toEqual([[1], [2, 3], [4, 5], [6]])
  })

  test('does not wait for what came for another', () => {
    const { taken, take } = openTaking()
    void take('a', 1)
    void take('b', 2)
    expect(taken.map(({ key }) => key)).toEqual(['a', 'b'])
  })

  test('fails together, and what came later does not', async () => {
    const { taken, take, end } = openTaking()
    const first = take('a', 1)
    const late = take('a', 2)
    taken[0]?.answer.reject(new Error('away'))
    await expect(first).rejects.toThrow('away')
    end(1)
    expect(await late).toBe('2')
  })

  test('can have an answer of its own that fails', async () => {
    const take = takeTogether<number, string>(async (_, all) =>
      all.map((one) => (one === 2 ? Promise.reject(new Error('odd')) : `${one}`)),
    )
    const ends = await Promise.allSettled([take('a', 1), take('a', 2), take('a', 3)])
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })
})
