import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { download } from '../../src/artifacts/download.ts'
import { fetchArtifact } from '../../src/artifacts/fetch.ts'
import { openS3 } from '../../src/artifacts/s3.ts'
import type { HttpServer } from '../helpers/http-server.ts'
import { startS3 } from '../helpers/s3-server.ts'
import { until } from '../helpers/until.ts'
import { anywhere, fetched, patient } from './fetched.ts'

const missing = inject('available')['aws-sdk']

describe.skipIf(missing !== null)('S3, or what speaks its protocol', () => {
  let server: HttpServer
  const folder = { MLmodel: 'flavors: {}', 'data/a b&c.bin': 'weights', 'data/deep/ä': 'y', 'data/z': 'z' }

  beforeAll(async () => {
    const objects = Object.entries(folder).map(([path, content]) => [`models/prod/churn/${path}`, content])
    server = await startS3(
      {
        ...Object.fromEntries(objects),
        'models/prod/churn/data/': '',
        'models/prod/churn.onnx': 'onnx',
        'models/prod/churn-2/MLmodel': 'another',
        'models/evil/../x': 'evil',
      },
      'key-1',
    )
    vi.stubEnv('AWS_ENDPOINT_URL', server.url)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key-1')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    vi.stubEnv('AWS_REGION', '')
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await server.close()
  })

  test('a key is one file', async () => {
    const expected = { kind: 'file', files: { artifact: 'onnx' } }
    expect(await fetched('s3://models/prod/churn.onnx')).toMatchObject(expected)
  })

  test('what many keys begin with is a folder, over all pages, without those it only resembles', async () => {
    for (const source of ['s3://models/prod/churn', 's3://models/prod/churn/'])
      expect(await fetched(source)).toMatchObject({ kind: 'folder', files: folder })
  })

  test('a key that leads out of the folder is refused (R17)', async () => {
    await expect(fetched('s3://models/evil')).rejects.toThrow('the artifact has a file named "../x"')
  })

  test.each([
    ['s3://models/nothing', 'UnreadableSourceError', 'there is nothing at s3://models/nothing'],
    ['s3://models/nothing/', 'UnreadableSourceError', 'there is nothing at s3://models/nothing/'],
    ['s3://nobody/m', 'UnreadableSourceError', 'there is nothing at s3://nobody/'],
    ['s3://models', 'UnreadableSourceError', 'is not of the form s3://bucket/key'],
  ])('%s is told apart as %s', async (source, name, message) => {
    await expect(fetched(source)).rejects.toMatchObject({ name })
    await expect(fetched(source)).rejects.toThrow(message)
  })

  describe('when an artifact has been read, or could not be', () => {
    const limits = { maxBytes: 1_000, signal: patient() }
    const cases = [
      ['read', 's3://models/prod/churn', 'artifact'],
      ['nowhere to be written', 's3://models/prod/churn.onnx', '.'],
      ['not there', 's3://models/nothing', 'artifact'],
    ] as const

    async function place(name: string): Promise<string> {
      const folder = await mkdtemp(join(tmpdir(), 'greenroom-s3-'))
      onTestFinished(() => rm(folder, { recursive: true }))
      return join(folder, name)
    }

    test.each(cases)('no connection is left (%s)', async (_, source, name) => {
      await fetchArtifact(source, await place(name), anywhere, limits).catch(() => {})
      await until(async () => (await server.connections()) === 0, 2_000)
    })

    test.each(cases)('some are on a build that never lets go (%s)', async (_, source, name) => {
      const over = new AbortController()
      const into = await place(name)
      const kept = openS3(source, anywhere, over.signal)
      await kept.then((artifact) => download(artifact, into, limits)).catch(() => {})
      await sleep(500)
      expect(await server.connections()).toBeGreaterThan(0)
      over.abort()
      await until(async () => (await server.connections()) === 0, 2_000)
    })
  })

  test('a bucket that does not know us is not the fault of the artifact', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key-2')
    const failure = fetched('s3://models/prod/churn.onnx')
    await expect(failure).rejects.toMatchObject({ name: 'UnavailableSourceError' })
    await expect(failure).rejects.toThrow('AccessDenied')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key-1')
  })
})
