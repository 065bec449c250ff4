import { mkdir, mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { download } from '../../src/artifacts/download.ts'
import { fetchArtifact, withArtifact } from '../../src/artifacts/fetch.ts'
import { openHttp } from '../../src/artifacts/http.ts'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { sha256 } from '../../src/canonical-json.ts'
import { type HttpServer, serveHttp } from '../helpers/http-server.ts'
import { until } from '../helpers/until.ts'
import { anywhere, fetched, patient } from './fetched.ts'

let server: HttpServer
let other: HttpServer

beforeAll(async () => {
  other = await serveHttp((_, __, response) => void response.end('from elsewhere'))
  server = await serveHttp((_, { pathname, search }, response) => {
    if (pathname === '/m.onnx') response.end(`weights${search}`)
    else if (pathname === '/moved') response.writeHead(302, { location: '/m.onnx' }).end()
    else if (pathname === '/away') response.writeHead(307, { location: `${other.url}/m.onnx` }).end()
    else if (pathname === '/file') response.writeHead(302, { location: 'file:///etc/passwd' }).end()
    else if (pathname === '/round') response.writeHead(302, { location: '/round' }).end()
    else if (pathname === '/small.gz')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1024 ** 2)))
    else if (pathname === '/endless') {
      response.on('drain', () => response.write(Buffer.alloc(65_536)))
      response.write(Buffer.alloc(1024 ** 2))
    } else if (pathname === '/broken') {
      response.writeHead(200, { 'content-length': '100' }).write('half')
      setTimeout(() => response.destroy(), 50)
    } else if (pathname === '/silent') response.writeHead(200).write('x')
    else if (pathname === '/secret') response.writeHead(403).end()
    else if (pathname === '/down') response.writeHead(503).end()
    else response.writeHead(404).end()
  })
})
afterAll(() => Promise.all([server.close(), other.close()]))

test('an address is one file, whose digest is that of its bytes', async () => {
  const expected = { kind: 'file', digest: sha256('weights'), files: { artifact: 'weights' } }
  expect(await fetched(`${server.url}/m.onnx`)).toEqual(expected)
  expect(await fetched(`${server.url.replace('http:', 'HTTP:')}/m.onnx`)).toEqual(expected)
  expect((await fetched(`${server.url}/m.onnx?version=2`)).files).toEqual({ artifact: 'weights?version=2' })
})

test('a redirection is followed, but only to where artifacts may be read from', async () => {
  const here = placesBelow([server.url], null)
  expect((await fetched(`${server.url}/moved`, here)).files).toEqual({ artifact: 'weights' })
  expect((await fetched(`${server.url}/away`)).files).toEqual({ artifact: 'from elsewhere' })
  const before = other.requests.length
  await expect(fetched(`${server.url}/away`, here)).rejects.toThrow(
    `${server.url}/away leads to ${other.url}/m.onnx, which may not be read from here`,
  )
  expect(other.requests.length).toBe(before)
  await expect(fetched(`${server.url}/file`)).rejects.toThrow('leads to an address that is not one of HTTP')
  await expect(fetched(`${server.url}/round`)).rejects.toMatchObject({ name: 'UnavailableSourceError' })
})

test.each([
  ['gone', 'UnreadableSourceError', 'there is nothing at '],
  ['small.gz', 'UnreadableSourceError', 'is sent compressed (gzip), which is not unpacked here'],
  ['secret?key=canary', 'UnavailableSourceError', '/secret cannot be read: access is denied'],
  ['down', 'UnavailableSourceError', 'it answers with HTTP 503'],
  ['broken', 'UnavailableSourceError', 'the artifact broke off while it was read: '],
])('%s is told apart as %s', async (path, name, message) => {
  const failure = fetched(`${server.url}/${path}`)
  await expect(failure).rejects.toMatchObject({ name })
  await expect(failure).rejects.toThrow(message)
  await expect(failure).rejects.not.toThrow('canary')
})

test('what is larger than the limit is cut off, however much more would come (R17)', async () => {
  await expect(fetched(`${server.url}/endless`, anywhere, { maxBytes: 10_000 })).rejects.toThrow(
    'the artifact is larger than what is read from here',
  )
})

test('a fetch that is given up ends with the reason, also in the middle of the file', async () => {
  const giveUp = new AbortController()
  const failure = fetched(`${server.url}/silent`, anywhere, { signal: giveUp.signal })
  setTimeout(() => giveUp.abort(new Error('withdrawn')), 100)
  await expect(failure).rejects.toThrow('withdrawn')
})

describe('a fetch that fails before it has read what is sent', () => {
  test.each(['small.gz', 'silent'])('lets go of the connection (%s)', async (path) => {
    const { server, source, place } = await taken(path)
    await expect(fetchArtifact(source, place, anywhere, unlimited)).rejects.toThrow()
    await until(async () => (await server.connections()) === 0, 2_000)
  })

  test.each(['small.gz', 'silent'])('does not on a build that keeps what it opened (%s)', async (path) => {
    const { server, source, place } = await taken(path)
    const kept = openHttp(source, anywhere, unlimited.signal)
    await expect(kept.then((artifact) => download(artifact, place, unlimited))).rejects.toThrow()
    await sleep(500)
    expect(await server.connections()).toBe(1)
  })

  const unlimited = { maxBytes: 1024 ** 2, signal: patient() }

  /** A server of the test's own that never comes to an end, and a place at which there is something already. */
  async function taken(path: string) {
    const server = await serveHttp((_, __, response) => {
      response.writeHead(200, path.endsWith('.gz') ? { 'content-encoding': 'gzip' } : {}).write('x')
    })
    onTestFinished(() => server.close())
    const place = await mkdtemp(join(tmpdir(), 'greenroom-taken-'))
    onTestFinished(() => rm(place, { recursive: true }))
    return { server, source: `${server.url}/${path}`, place }
  }
})

test('nobody listening is not the fault of the artifact', async () => {
  const failure = fetched('http://127.0.0.1:1/m.onnx')
  await expect(failure).rejects.toMatchObject({ name: 'UnavailableSourceError' })
  await expect(failure).rejects.toThrow('cannot be reached')
})

test('an artifact is removed after its use, and what killed processes left of theirs after three days', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-temporary-'))
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })
  for (const [name, days] of [
    ['greenroom-artifact-old', 4],
    ['greenroom-artifact-new', 2],
    ['of-others', 4],
  ] as const) {
    await mkdir(join(folder, name))
    const changed = new Date(Date.now() - days * 24 * 3_600_000)
    await utimes(join(folder, name), changed, changed)
  }
  const limits = { maxBytes: 1_000, signal: patient() }
  const text = await withArtifact(`${server.url}/m.onnx`, anywhere, limits, (place) =>
    readFile(place, 'utf8'),
  )
  expect(text).toBe('weights')
  expect((await readdir(folder)).sort()).toEqual(['greenroom-artifact-new', 'of-others'])
})
