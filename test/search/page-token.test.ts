import { describe, expect, test } from 'vitest'
import { pageTokenAfter, readModelSearch, readVersionSearch } from '../../src/search/search.ts'
import { SearchSyntaxError } from '../../src/search/syntax-error.ts'

const time = '2026-01-02T03:04:05.000006Z'
const request = { filter: "tags.a = 'x'", orderBy: ['timestamp DESC'] }
const token = pageTokenAfter(readModelSearch(request), [time, 'm'])

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[]

describe('a page token (R28)', () => {
  test('leads to what comes after its row, in the same search', () => {
    const next = readModelSearch({ ...request, pageToken: token })
    expect(next.after).toEqual([time, 'm'])
    expect(
      readModelSearch({
        filter: " tags.a='x' ",
        orderBy: ['timestamp desc'],
        maxResults: 7,
        pageToken: token,
      }),
    ).toEqual({
      ...next,
      limit: 7,
    })
  })

  test('of a name with any characters is read as it was written', () => {
    for (const name of ['😀', 'é\n"', '__proto__', 'a'.repeat(256), '😀'.repeat(256)]) {
      const search = readVersionSearch({ orderBy: ['name'] })
      const next = readVersionSearch({ orderBy: ['name'], pageToken: pageTokenAfter(search, [name, 5]) })
      expect(next.after).toEqual([name, 5])
    }
  })

  test('that is empty or not there means the first page', () => {
    expect(readModelSearch({ pageToken: '' }).after).toBeNull()
    expect(readModelSearch({}).after).toBeNull()
  })

  test.each([
    ['another filter', { filter: "tags.a = 'y'", orderBy: request.orderBy }],
    ['no filter', { orderBy: request.orderBy }],
    ['another order', { filter: request.filter, orderBy: ['timestamp ASC'] }],
    ['an order with other fields', { filter: request.filter, orderBy: ['name'] }],
  ])('is refused with %s', (_, other) => {
    expect(() => readModelSearch({ ...other, pageToken: token })).toThrow(/^Invalid page token\. It must be/)
  })

  test('of a search for models is refused in one for versions', () => {
    const ofModels = pageTokenAfter(readModelSearch({ orderBy: ['name'] }), ['m'])
    const pinned = { filter: "name = 'm'", orderBy: ['name'] }
    expect(() => readVersionSearch({ orderBy: ['name'], pageToken: ofModels })).toThrow(SearchSyntaxError)
    expect(() => readVersionSearch({ ...pinned, pageToken: ofModels })).toThrow(SearchSyntaxError)
  })

  test.each([
    ['x!', 'Invalid page token, could not base64-decode'],
    ['é', 'Invalid page token, could not base64-decode'],
    ['a'.repeat(1_000_000), 'Invalid page token, could not base64-decode'],
  ])('that no token can look like is refused: %.20s', (pageToken, message) => {
    expect(() => readModelSearch({ ...request, pageToken })).toThrow(new SearchSyntaxError(message))
  })

  const [format, digest, position] = decode(token)
  test.each([
    ['not JSON', Buffer.from('{').toString('base64url')],
    ["MLflow's", encode({ offset: 100 })],
    ['nothing', encode(null)],
    ['of another version', encode([2, digest, position])],
    ['without a position', encode([format, digest])],
    ['with more', encode([format, digest, position, 1])],
    ['with another row', encode([format, digest, [time, 'n']])],
    ['with another digest', encode([format, `${digest}`.replace(/^./, 'g'), position])],
    ['with an object', encode([format, digest, [time, { toString: 'm' }]])],
    ['cut short', token.slice(0, -8)],
  ])('that was made up or edited is refused: %s', (_, pageToken) => {
    expect(() => readModelSearch({ ...request, pageToken })).toThrow(/^Invalid page token\. It must be/)
  })

  test.each([
    [['name'], ['m\0', 1]],
    [['name'], ['\ud800', 1]],
    [['name'], ['m', 0]],
    [['name'], ['m', 2 ** 31]],
    [['name'], ['m', 1.5]],
    [['name'], ['m', '1']],
    [['name'], [1, 1]],
    [['name'], ['m']],
    [['name'], ['m', 1, 1]],
    [['creation_timestamp'], ['2026-02-30T00:00:00.000000Z', 'm', 1]],
    [['creation_timestamp'], ['infinity', 'm', 1]],
    [['creation_timestamp'], ["now'; drop", 'm', 1]],
  ])('with a position that no row has in %j is refused, even with its digest: %j', (orderBy, place) => {
    const forged = pageTokenAfter(readVersionSearch({ orderBy }), place)
    expect(() => readVersionSearch({ orderBy, pageToken: forged })).toThrow(
      /^Invalid page token\. It must be/,
    )
  })
})
