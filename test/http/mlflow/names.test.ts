import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { error, openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
  await registry.make('m', 12)
})
afterAll(() => registry.close())

const bad = (message: string) => ({ status: 400, body: error('INVALID_PARAMETER_VALUE', message) })
const tooLong = (what: string, limit: number) =>
  bad(`'${what}' exceeds the maximum length of ${limit} characters`)
const oddPath = (parameter: string, shown: string, plain: string) =>
  bad(
    `Invalid value ${shown} for parameter '${parameter}' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${plain}'`,
  )
const badCharacters = (shown: string) =>
  bad(
    `Invalid value ${shown} for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`,
  )

describe('a model’s name', () => {
  test.each<[string, object]>([
    [' ', bad("Missing value for required parameter 'name'.")],
    ['\t\n', bad("Missing value for required parameter 'name'.")],
    ['a/b', bad("Invalid model name 'a/b'. Names cannot contain '/' or ':'.")],
    ['a:b', bad("Invalid model name 'a:b'. Names cannot contain '/' or ':'.")],
    ['/', bad("Invalid model name '/'. Names cannot contain '/' or ':'.")],
    ['.', oddPath('name', '"."', '.')],
    ['..', oddPath('name', '".."', '..')],
    ['...', oddPath('name', '"..."', '...')],
    ['..é', oddPath('name', '"..\\u00e9"', '..é')],
    ['a'.repeat(257), tooLong('name', 256)],
    ['🎷'.repeat(257), tooLong('name', 256)],
  ])('%j is none, wherever it is asked for', async (name, refusal) => {
    expect(await registry.post('registered-models/create', { name })).toMatchObject(refusal)
    expect(await registry.get('registered-models/get', { name })).toMatchObject(refusal)
    expect(await registry.get('model-versions/get', { name, version: '1' })).toMatchObject(refusal)
    expect(await registry.post('model-versions/create', { name, source: 's3://b/p' })).toMatchObject(refusal)
  })

  test.each([
    'a'.repeat(256),
    '🎷'.repeat(256),
    'e\u0301',
    ' padded ',
    '.hidden',
    'a..b',
    '%2e%2e%2f',
    '__proto__',
    'constructor',
    "it's; drop table event --",
    '<script>',
    '\u202Ereversed',
    '--help',
    '0',
  ])('%j is one, and comes back as it was', async (name) => {
    const made = await registry.post('registered-models/create', { name })
    expect([made.status, made.body.registered_model?.name]).toEqual([200, name])
    await registry.post('model-versions/create', { name, source: 's3://b/p' })
    const { body } = await registry.get('model-versions/get', { name, version: '1' })
    expect(body.model_version.name).toBe(name)
    expect((await registry.remove('registered-models/delete', { name })).status).toBe(200)
  })

  test('to rename to is held to the same', async () => {
    const rename = (new_name: string) => registry.post('registered-models/rename', { name: 'm', new_name })
    expect(await rename(' ')).toMatchObject(bad("Missing value for required parameter 'new_name'."))
    expect(await rename('a/b')).toMatchObject(
      bad("Invalid model name 'a/b'. Names cannot contain '/' or ':'."),
    )
    expect(await rename('b'.repeat(257))).toMatchObject(tooLong('new_name', 256))
  })
})

describe('a tag', () => {
  const calls: [string, (key: string, value?: string) => Promise<object>][] = [
    ['of a model', (key, value) => registry.post('registered-models/set-tag', { name: 'm', key, value })],
    [
      'of a version',
      (key, value) => registry.post('model-versions/set-tag', { name: 'm', version: '1', key, value }),
    ],
    [
      'of a new model',
      (key, value) => registry.post('registered-models/create', { name: 'new', tags: [{ key, value }] }),
    ],
    [
      'of a new version',
      (key, value) =>
        registry.post('model-versions/create', { name: 'm', source: 's3://b/p', tags: [{ key, value }] }),
    ],
  ]

  test.each(calls)('%s has a key that reads as a name', async (_, set) => {
    expect(await set('a!b')).toMatchObject(badCharacters('"a!b"'))
    expect(await set('🎷')).toMatchObject(badCharacters('"\\ud83c\\udfb7"'))
    expect(await set('a\nb')).toMatchObject(badCharacters('"a\\nb"'))
    expect(await set('/a')).toMatchObject(oddPath('key', '"/a"', '/a'))
    expect(await set('a//b')).toMatchObject(oddPath('key', '"a//b"', 'a/b'))
    expect(await set('a/./b')).toMatchObject(oddPath('key', '"a/./b"', 'a/b'))
    expect(await set('a/../b')).toMatchObject(oddPath('key', '"a/../b"', 'b'))
    expect(await set('a/')).toMatchObject(oddPath('key', '"a/"', 'a'))
    expect(await set('../a')).toMatchObject(oddPath('key', '"../a"', '../a'))
    expect(await set('//')).toMatchObject(oddPath('key', '"//"', '//'))
    expect(await set('k'.repeat(251))).toMatchObject(tooLong('key', 250))
    expect(await set('k', 'v'.repeat(100_001))).toMatchObject(tooLong('value', 100_000))
  })

  test('without a key is told apart from one with an odd key', async () => {
    const { body } = await registry.post('registered-models/create', { name: 'new', tags: [{ value: 'v' }] })
    expect(body.message).toMatch(
      /^Invalid value "" for parameter 'key' supplied: Names may be treated as files/,
    )
  })

  test.each(['k'.repeat(250), 'a/b.c-d_e:f g', 'ключ', '__proto__', 'mlflow.user', '..a'.slice(1)])(
    'with the key %j keeps any text',
    async (key) => {
      const value = `é 🎷 a\u0301 \u202E <!channel> ${'v'.repeat(99_000)}`
      await registry.post('model-versions/set-tag', { name: 'm', version: '2', key, value })
      const { body } = await registry.get('model-versions/get', { name: 'm', version: '2' })
      expect(body.model_version.tags).toContainEqual({ key, value })
    },
  )

  test('taken off is named by a key like any other', async () => {
    const tag = { name: 'm', version: '1', key: 'a!b' }
    expect(await registry.remove('model-versions/delete-tag', tag)).toMatchObject(badCharacters('"a!b"'))
    expect(await registry.remove('registered-models/delete-tag', tag)).toMatchObject(badCharacters('"a!b"'))
  })

  test('more may be there than in one request, which takes 4,000 and refuses 10,000', async () => {
    const tags = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ key: `k${at}`, value: `v${at}` }))
    const made = await registry.post('registered-models/create', { name: 'tags', tags: tags(4_000) })
    expect([made.status, made.body.registered_model.tags.length]).toEqual([200, 4_000])
    const version = await registry.post('model-versions/create', {
      name: 'tags',
      source: 's3://b/p',
      tags: tags(4_000),
    })
    expect([version.status, version.body.model_version.tags.length]).toEqual([200, 4_000])
    const refused = await registry.post('registered-models/create', { name: 'more', tags: tags(10_000) })
    expect([refused.status, refused.body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
  })
})

describe('an alias', () => {
  const set = (alias: string) => registry.post('registered-models/alias', { name: 'm', alias, version: '1' })

  test.each<[string, string]>([
    [
      'a.b',
      "Invalid alias name: 'a.b'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
    ],
    [
      'a b',
      "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
    ],
    [
      'a\n',
      "Invalid alias name: 'a\n'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
    ],
    ['a'.repeat(256), "'Registered model alias name' exceeds the maximum length of 255 characters"],
    ['v1', "Version alias name 'v1' is reserved."],
    ['V0007', "Version alias name 'V0007' is reserved."],
    ['v１', "Version alias name 'v１' is reserved."],
    ['V٣2', "Version alias name 'V٣2' is reserved."],
    ['lAtEsT', "'latest' alias name (case insensitive) is reserved."],
  ])('may not be %j', async (alias, message) => {
    expect(await set(alias)).toMatchObject(bad(message))
  })

  test.each(['v1a', 'v²', '1', '-', '_', 'a'.repeat(255), 'чемпион', '__proto__'])(
    'may be %j',
    async (alias) => {
      expect((await set(alias)).status).toBe(200)
      const { body } = await registry.get('registered-models/alias', { name: 'm', alias })
      expect(body.model_version.version).toBe('1')
    },
  )
})

describe('a version', () => {
  const get = (version: string) => registry.get('model-versions/get', { name: 'm', version })

  test.each([
    'abc',
    '1e3',
    '1.0',
    '0x1',
    '１２',
    '1_0',
    '1 2',
    '--1',
    'None',
    'latest',
    `${'1'.repeat(400)}x`,
  ])('%j is no integer', async (version) => {
    const { status, body } = await get(version)
    expect([status, body.error_code]).toEqual([400, 'INVALID_PARAMETER_VALUE'])
    expect(body.message).toMatch(/^Parameter 'version' must be an integer, got '/)
  })

  test.each(['0', '-1', '13', '2147483647', '2147483648', '9'.repeat(400), '1'.repeat(400_000)])(
    'with a number that none has is missing',
    async (version) => {
      const { status, body } = await registry.post('model-versions/set-tag', { name: 'm', version, key: 'k' })
      expect([status, body.error_code]).toEqual([404, 'RESOURCE_DOES_NOT_EXIST'])
      expect(body.message.length).toBeLessThan(500)
    },
  )

  test.each(['12', ' 12 ', '+12', '0012'])('%j is the number 12', async (version) => {
    expect((await get(version)).body.model_version.version).toBe('12')
  })
})

describe('what is said of a version', () => {
  test.each<[string, number]>([
    ['source', 2_048],
    ['run_id', 256],
    ['run_link', 2_048],
    ['description', 100_000],
  ])('has a bound: %s has %i characters at most', async (field, limit) => {
    const said = (length: number) => ({
      name: 'm',
      source: 's3://b/p',
      [field]: 's3://b/'.padEnd(length, 'x'),
    })
    expect((await registry.post('model-versions/create', said(limit))).status).toBe(200)
    expect(await registry.post('model-versions/create', said(limit + 1))).toMatchObject(tooLong(field, limit))
  })
})
