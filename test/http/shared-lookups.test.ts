import { expect, test } from 'vitest'
import { shareLookups } from '../../src/http/shared-lookups.ts'

/** Lookups that end when the test says so. */
function openLookups() {
  const asked: { key: string; answer: PromiseWithResolvers<string> }[] = []
  const share = shareLookups((key) => {
    const answer = Promise.withResolvers<string>()
    asked.push({ key, answer })
    return answer.promise
  })
  return { asked, share }
}

test('who comes while a lookup is under way is answered by one that starts afterwards, all by the same', async () => {
  const { asked, share } = openLookups()
  const first = share('a')
  const late = [share('a'), share('a'), share('a')]
  expect(asked).toHaveLength(1)
  asked[0]?.answer.resolve('before the revocation')
  expect(await first).toBe('before the revocation')
  expect(asked).toHaveLength(2)
  asked[1]?.answer.resolve('after it')
  expect(await Promise.all(late)).toEqual(['after it', 'after it', 'after it'])
  expect(asked).toHaveLength(2)
})

test('each who comes alone has a lookup of its own', async () => {
  const { asked, share } = openLookups()
  for (const answer of ['one', 'two']) {
    const found = share('a')
    asked.at(-1)?.answer.resolve(answer)
    expect(await found).toBe(answer)
  }
  expect(asked).toHaveLength(2)
})

test('keys do not wait for each other', () => {
  const { asked, share } = openLookups()
  void share('a')
  void share('b')
  expect(asked.map(({ key }) => key)).toEqual(['a', 'b'])
})

test('a lookup that fails is told to those who shared it only', async () => {
  const { asked, share } = openLookups()
  const first = share('a')
  const second = share('a')
  asked[0]?.answer.reject(new Error('away'))
  await expect(first).rejects.toThrow('away')
  asked[1]?.answer.resolve('back')
  expect(await second).toBe('back')
})
