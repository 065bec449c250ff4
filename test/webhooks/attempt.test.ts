import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attemptOnce } from '../../src/webhooks/attempt.ts'
import type { Outbound } from '../../src/webhooks/guard.ts'
import { post } from '../../src/webhooks/post.ts'
import { isSigned, type Receiver, startReceiver } from '../helpers/receiver.ts'

const read = (name: string) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8')
const certificate = { key: read('key'), cert: read('cert') }
const secret = 'a secret of the receiver'
const never = new AbortController().signal
const open: Outbound = {
  schemes: ['https', 'http'],
  allowPrivateAddresses: true,
  resolve: async () => ['127.0.0.1'],
}
const shut: Outbound = { ...open, allowPrivateAddresses: false }
const now = new Date('2026-11-23T02:12:34.415Z')

let receiver: Receiver
let body: string
const opened: { close(): unknown }[] = []
beforeEach(async () => {
  body = `{"a": "${randomUUID()}"}`
  receiver = await start()
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function start(tls?: typeof certificate): Promise<Receiver> {
  const started = await startReceiver(tls)
  opened.push(started)
  return started
}

/** For a receiver that is to be late, instead of ten seconds. */
const soonMs = 400

/** One attempt at the receiver. */
function attempt(url = receiver.url, outbound = open, stop = never, limitMs?: number) {
  const message = { id: 'delivery-1', body, sequence: 7 }
  return attemptOnce({ url, secret, message }, outbound, now, stop, limitMs)
}

const attemptSoon = (url = receiver.url) => attempt(url, open, never, soonMs)

test('a delivery has MLflow’s headers, the very body and a signature that fits', async () => {
  expect(await attempt(`${receiver.url}?a=b#c`)).toMatchObject({ kind: 'answered', status: 204 })
  const [got] = receiver.received
  expect(got).toMatchObject({
    path: '/hook?a=b',
    body,
    headers: {
      host: `127.0.0.1:${receiver.port}`,
      'content-type': 'application/json',
      'content-length': `${body.length}`,
      'x-mlflow-delivery-id': 'delivery-1',
      'x-mlflow-timestamp': `${Math.floor(now.getTime() / 1000)}`,
      'x-greenroom-sequence': '7',
    },
  })
  expect(got && isSigned(got, secret)).toBe(true)
  expect(got && isSigned(got, 'another secret')).toBe(false)
})

test('without a secret there is no signature', async () => {
  await attemptOnce(
    { url: receiver.url, secret: null, message: { id: 'x', body, sequence: 1 } },
    open,
    now,
    never,
  )
  expect(receiver.received[0]?.headers).not.toHaveProperty('x-mlflow-signature')
})

describe('what a receiver does decides', () => {
  test.each([200, 201, 204, 299, 400, 404, 410, 429, 500, 503])(
    'an answer with %i is its status',
    async (status) => {
      receiver.behave({ kind: 'answer', status, headers: { 'retry-after': '7' }, body: 'x' })
      expect(await attempt()).toMatchObject({ kind: 'answered', status, retryAfter: '7' })
    },
  )

  test.each([301, 302, 303, 307, 308])(
    'a redirect with %i to the inside is an answer, and not followed',
    async (status) => {
      const inside = await start()
      receiver.behave({ kind: 'answer', status, headers: { location: inside.url } })
      expect(await attempt()).toMatchObject({ kind: 'answered', status })
      expect(inside.received).toEqual([])
    },
  )

  test.each(['stall', 'dripHead'] as const)('one that says nothing in time (%s) is late', async (kind) => {
    receiver.behave({ kind })
    const attempted = await attemptSoon()
    expect(attempted).toMatchObject({ kind: 'failed', error: 'timeout' })
    expect(attempted.ms).toBeGreaterThanOrEqual(soonMs - 10)
    expect(attempted.ms).toBeLessThan(5_000)
  })

  test('one that breaks off has not taken it', async () => {
    receiver.behave({ kind: 'reset' })
    expect(await attempt()).toMatchObject({ kind: 'failed', error: 'connection' })
  })

  test('one that answers and then drips has', async () => {
    receiver.behave({ kind: 'dripBody', status: 200 })
    const attempted = await attempt()
    expect(attempted).toMatchObject({ kind: 'answered', status: 200 })
    expect(attempted.ms).toBeLessThan(5_000) // of the attempt's ten seconds
  })

  test('one that answers and then drips is let go after a second; on a build without that bound at the limit', async () => {
    receiver.always({ kind: 'dripBody', status: 200 })
    const url = new URL(receiver.url)
    const target = { url, hostname: url.hostname, addresses: ['127.0.0.1'] }
    const msOf = async (...readMs: [number?]) => {
      const began = performance.now()
      const posted = await post(target, {}, body, open, AbortSignal.timeout(4_000), ...readMs)
      expect(posted).toMatchObject({ kind: 'answered', status: 200 })
      return performance.now() - began
    }
    expect(await msOf()).toBeLessThan(3_500)
    const ms = await msOf(3_600_000)
    expect(ms).toBeGreaterThan(3_900)
    expect(ms).toBeLessThan(8_000)
  })

  test('one that answers without end is read for 64 KiB and let go', async () => {
    receiver.behave({ kind: 'flood', status: 200 })
    expect(await attempt()).toMatchObject({ kind: 'answered', status: 200 })
    await expect.poll(() => receiver.sent()).toBeGreaterThan(0)
    // What fits into the buffers of two sockets comes on top.
    expect(receiver.sent()).toBeLessThan(8 * 1024 * 1024)
  })

  test.each([
    ['nothing that listens', null],
    ['a server that is none of HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a head that never ends', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(200_000)}`],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    ['an answer that is cut off', 'HTTP/1.1 20'],
  ])('%s is a failed connection', async (_, says) => {
    const port = await listen(says)
    expect(await attempt(`http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'failed', error: 'connection' })
  })

  test('interim answers without end are no answer', async () => {
    const port = await listen('HTTP/1.1 103 Early Hints\r\n\r\n', 20)
    expect(await attemptSoon(`http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'failed', error: 'timeout' })
  })
})

describe('nothing but the guard decides where it goes', () => {
  test('a name that leads inside is not connected to; on a build without the guard it is', async () => {
    const url = `http://rebinding.example:${receiver.port}/hook`
    expect(await attempt(url, shut)).toMatchObject({ kind: 'failed', error: 'blocked' })
    expect(receiver.received).toEqual([])
    expect(await attempt(url, open)).toMatchObject({ kind: 'answered', status: 204 })
    expect(receiver.received[0]?.headers.host).toBe(`rebinding.example:${receiver.port}`)
  })

  test('the other end is looked at once more before anything is said, whatever was looked at before', async () => {
    let bytes = 0
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        bytes += chunk.length
      })
    })
    const port = await serve(server)
    const target = {
      url: new URL(`http://public.example:${port}/`),
      hostname: 'public.example',
      addresses: ['127.0.0.1'],
    }
    expect(await post(target, {}, body, shut, AbortSignal.timeout(2_000))).toEqual({
      kind: 'failed',
      error: 'blocked',
    })
    expect(bytes).toBe(0)
    expect(await post(target, {}, body, open, AbortSignal.timeout(1_000))).toEqual({
      kind: 'failed',
      error: 'timeout',
    })
    expect(bytes).toBeGreaterThan(0)
  })

  test('a proxy in the environment is not asked', async () => {
    const module = new URL('../../src/webhooks/attempt.ts', import.meta.url)
    const script = `
      const { attemptOnce } = await import('${module}')
      const dispatch = { url: '${receiver.url}', secret: null, message: { id: 'x', body: '{}', sequence: 1 } }
      const open = { schemes: ['http'], allowPrivateAddresses: true, resolve: async () => [] }
      const { signal } = new AbortController()
      console.log((await attemptOnce(dispatch, open, new Date(), signal)).status)
      console.log(await fetch('${receiver.url}').then(() => 'direct', () => 'through the proxy'))`
    const nowhere = 'http://127.0.0.1:9'
    const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere }
    const args = ['--input-type=module', '-e', script]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    expect(stdout.split('\n').slice(0, 2)).toEqual(['204', 'through the proxy'])
  })

  test('the first address that answers is taken', async () => {
    const both = { ...open, resolve: async () => ['::1', '127.0.0.1'] }
    const url = `http://two.example:${receiver.port}/hook`
    expect(await attempt(url, both)).toMatchObject({ kind: 'answered', status: 204 })
  })
})

describe('over TLS', () => {
  const trusted = getCACertificates()
  afterAll(() => setDefaultCACertificates(trusted))

  test('the certificate must be one that is trusted, and for the name in the URL', async () => {
    const secure = await start(certificate)
    const url = (host: string) => `https://${host}:${secure.port}/hook`
    expect(await attempt(url('receiver.example'))).toMatchObject({ kind: 'failed', error: 'connection' })
    setDefaultCACertificates([...trusted, certificate.cert])
    expect(await attempt(url('receiver.example'))).toMatchObject({ kind: 'answered', status: 204 })
    expect(await attempt(url('127.0.0.1'))).toMatchObject({ kind: 'answered', status: 204 })
    expect(await attempt(url('other.example'))).toMatchObject({ kind: 'failed', error: 'connection' })
    expect(secure.received.map(({ headers }) => headers.host)).toEqual([
      `receiver.example:${secure.port}`,
      `127.0.0.1:${secure.port}`,
    ])
  })

  test('one that breaks off or says nothing has not taken it', async () => {
    const secure = await start(certificate)
    setDefaultCACertificates([...trusted, certificate.cert])
    secure.behave({ kind: 'stall' })
    expect(await attemptSoon(secure.url)).toMatchObject({ error: 'timeout' })
    secure.behave({ kind: 'reset' }, { kind: 'dripBody', status: 200 }, { kind: 'flood', status: 200 })
    expect(await attempt(secure.url)).toMatchObject({ error: 'connection' })
    expect(await attempt(secure.url)).toMatchObject({ kind: 'answered', status: 200 })
    expect(await attempt(secure.url)).toMatchObject({ kind: 'answered', status: 200 })
  })
})

test('a worker that stops ends an attempt at once, with its own reason', async () => {
  receiver.behave({ kind: 'stall' })
  const stop = new AbortController()
  const attempted = attempt(receiver.url, open, stop.signal)
  await expect.poll(() => receiver.received.length).toBe(1)
  const before = performance.now()
  stop.abort(new Error('stopping'))
  await expect(attempted).rejects.toThrow('stopping')
  expect(performance.now() - before).toBeLessThan(5_000) // of the attempt's ten seconds
})

/** A port that says something to whoever connects, once or at an interval, and hangs up; null: nothing is there. */
async function listen(says: string | null, everyMs?: number): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    if (everyMs === undefined) socket.end(says ?? '')
    else {
      const timer = setInterval(() => socket.write(says ?? ''), everyMs)
      socket.on('close', () => clearInterval(timer))
    }
  })
  const port = await serve(server)
  if (says === null) await new Promise((resolve) => server.close(resolve))
  return port
}

async function serve(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push({ close: () => new Promise((resolve) => server.close(resolve)) })
  return (server.address() as { port: number }).port
}
