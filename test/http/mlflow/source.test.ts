import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../../src/errors.ts'
import { readSource, resolveRoots } from '../../../src/http/mlflow/source.ts'
import { modelFolder, openRegistry, type Registry } from './registry.ts'

const roots = [modelFolder]
const read = (source: string) => readSource(source, roots, false)

describe('a source that is accepted', () => {
  test.each([
    `${modelFolder}/a`,
    `${modelFolder}/a%20b/`,
    `file://${modelFolder}/a`,
    `file:${modelFolder}//a`,
    'a/b.onnx',
    's3://bucket/a',
    's3a://bucket/a',
    'gs://bucket//a///b/',
    'abfss://container@account.dfs.core.windows.net/a',
    'wasbs://container@account.blob.core.windows.net/a',
    'r2://bucket@account.r2.cloudflarestorage.com/a',
    'b2://bucket@s3.us-west-004.backblazeb2.com/a',
    'hdfs://host:8020/a',
    'dbfs:/a',
    'mlflow-artifacts:/models',
    'mlflow-artifacts:///models///a',
    'mlflow-artifacts://host:9000/models/artifact/..../',
    'https://host/a.onnx?version=2#part',
    'runs:/0a1b/model',
    'models:/m-0a1b2c',
    'S3://bucket/a',
  ])('may be %s', (source) => {
    expect(read(source)).toEqual({ kind: 'place' })
  })

  test('may be another version', () => {
    expect(read('models:/a b/12')).toEqual({ kind: 'version', name: 'a b', version: '12' })
  })

  test('may be a local folder by the name that a link to it has', async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'models-')))
    try {
      const [link, real] = [join(folder, 'link'), join(folder, 'real')]
      await mkdir(real)
      await symlink(real, link)
      const both = await resolveRoots([link, '/nowhere'])
      expect(both.sort()).toEqual([link, real, '/nowhere'].sort())
      expect(readSource(join(real, 'a'), both, false)).toEqual({ kind: 'place' })
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('may be the placeholder of a prompt, of prompts only', () => {
    expect(readSource('prompt-template', [], true)).toEqual({ kind: 'place' })
    expect(() => readSource('prompt-template', [], false)).toThrow(InvalidInputError)
    expect(() => readSource('/etc/passwd', [], true)).toThrow(InvalidInputError)
  })
})

describe('a local source that is refused', () => {
  test.each([
    '/tmp',
    '/etc/passwd',
    'file:///etc/passwd',
    '/srv/models-of-others/a',
    '/srv',
    `${modelFolder}x`,
  ])('for where it is: %s', (source) => {
    expect(() => read(source)).toThrow(
      `Invalid model version source: '${source}'. To use a local path as a model version source, it has to be contained within one of the folders`,
    )
  })

  test('wherever it is, when no folder is for models', () => {
    expect(() => readSource('a', [], false)).toThrow('To use a local path as a model version source')
  })

  test.each([
    `${modelFolder}/../../etc/passwd`,
    `${modelFolder}/%2e%2e/x`,
    `${modelFolder}/%25252e%25252e/x`,
    `file://${modelFolder}/..`,
    '..%2f..%2f',
    '\\..\\..\\etc',
    `${modelFolder}/a\0`,
    `${modelFolder}/a%00`,
    `file://otherhost${modelFolder}/a`,
    `file://user:secret@localhost${modelFolder}/a`,
    '   ',
  ])('for how it is written: %j', (source) => {
    expect(() => read(source)).toThrow(/^Invalid model version source: '.*'\. It cannot be read: /s)
  })
})

describe('a remote source that is refused', () => {
  test.each([
    'mlflow-artifacts://host:9000/models/../../../',
    'http://host:9000/api/2.0/mlflow-artifacts/artifacts/../../../',
    's3:/my_bucket/models/path/../../other/path',
    'mlflow-artifacts://host:9000/models/..%2f..%2fartifacts',
    'mlflow-artifacts://host:9000/models/%252e%252e%252fartifacts',
    'mlflow-artifacts://host:9000/models/artifact%00',
    'https://host/%2525252e%2525252e/a',
    'ftp://host/a\\b',
    's3://b/./a',
    's3://b/a/.',
    's3://bucket',
    's3://bucket/',
    'mlflow-artifacts:models',
    'https://host/a\nb',
    's3://../a',
  ])('for how it is written: %j', (source) => {
    expect(() => read(source)).toThrow(
      `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.`,
    )
  })

  test.each([
    'javascript:alert(1)',
    'data:text/plain,x',
    'gopher://h/a',
    'C:/models/a',
    'prompts:/a/1',
    'smb://h/a',
  ])('for its kind: %s', (source) => {
    expect(() => read(source)).toThrow(/Sources of the kind '[\w+.-]+:' are not accepted\./i)
  })

  test.each([
    's3://user@bucket/a',
    'https://user:secret@host/a',
    'https://user%3Asecret%40host/a',
    'ftp://:@host/a',
    'abfss://container:secret@account/a',
    'wasbs://a@b@account/a',
    'r2://bucket:secret@account.r2.cloudflarestorage.com/a',
    'b2://bucket%3Asecret@s3.us-west-004.backblazeb2.com/a',
  ])('for the user it names: %s', (source) => {
    expect(() => read(source)).toThrow('A source must not name a user or a password.')
  })

  test.each([
    'models:/a/Production',
    'models:/a/latest',
    'models:/a@champion',
    'models:/a/1/2',
    'models://host/a/1',
    'models://host/m-1',
    'models:/a/',
    'models:/a/１',
  ])('for the version it does not name: %s', (source) => {
    expect(() => read(source)).toThrow(
      `Unable to fetch model from model URI source artifact location '${source}'.Error: it must be`,
    )
  })
})

describe('whatever a source is', () => {
  let registry: Registry
  beforeAll(async () => {
    registry = await openRegistry()
    await registry.make('any')
  })
  afterAll(() => registry.close())

  const piece = fc.oneof(
    fc.constantFrom(
      '..',
      '.',
      '/',
      '//',
      '%2e',
      '%252e',
      '%2f',
      '\\',
      '@',
      ':',
      'file:',
      's3://',
      'models:/',
      '?',
      '#',
      '%',
      '%00',
      '%ff',
      '\0',
      'any',
      '1',
      modelFolder,
      '\ud800',
      '🎷',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  const anySource = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.webUrl({ withFragments: true, withQueryParameters: true }),
  )

  test('it is accepted as it is or refused, and what is accepted does not climb', () => {
    fc.assert(
      fc.property(anySource, (source) => {
        try {
          read(source)
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError)
          return
        }
        let plain = source
        for (let coded = ''; coded !== plain; ) [coded, plain] = [plain, unescape(plain)]
        expect(plain.split('/')).not.toContain('..')
      }),
      { numRuns: 3_000 },
    )
  })

  test('the answer is never a 5xx, and comes back as it was sent', async () => {
    const statuses = new Set<number>()
    await fc.assert(
      fc.asyncProperty(anySource, async (source) => {
        const { status, body } = await registry.post('model-versions/create', { name: 'any', source })
        statuses.add(status)
        expect([200, 400]).toContain(status)
        if (status === 200) expect(body.model_version.source).toBe(source)
      }),
      { numRuns: 400 },
    )
    expect([...statuses].sort()).toEqual([200, 400])
  })
})
