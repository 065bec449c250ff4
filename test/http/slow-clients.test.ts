import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AppFixture, openApp } from './app-fixture.ts'

const limits = { headersMs: 400, requestMs: 800, idleMs: 2_000, lookMs: 100 }
let fixture: AppFixture
let port: number
beforeAll(async () => {
  fixture = await openApp({ limits })
  await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  port = (fixture.app.server.address() as AddressInfo).port
})
afterAll(() => fixture.close())

type Spoken = { answer: string; closed: boolean; ms: number }

/** Opens a connection, says something, then `drip` every 50 ms, and gives what came back when it was closed. */
function speak(first: string | Buffer, drip: string | null = null, patienceMs = 8_000): Promise<Spoken> {
  return new Promise((resolve) => {
    const began = performance.now()
    let answer = ''
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(first))
    const dripping = setInterval(() => drip !== null && socket.writable && socket.write(drip), 50)
    const end = (closed: boolean) => {
      clearInterval(dripping)
      clearTimeout(patience)
      socket.destroy()
      resolve({ answer, closed, ms: performance.now() - began })
    }
    const patience = setTimeout(() => end(false), patienceMs)
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => end(true))
  })
}

const head = 'POST /webhooks/registrations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
const bodyOf = (spoken: Spoken) => JSON.parse(spoken.answer.split('\r\n\r\n')[1] ?? '')

describe('slow clients', () => {
  test('headers that drip are cut off with 408', async () => {
    const spoken = await speak('GET /healthz HTTP/1.1\r\nHost: localhost\r\n', 'x')
    expect(spoken).toMatchObject({ closed: true, answer: expect.stringMatching(/^HTTP\/1\.1 408 /) })
    expect(spoken.ms).toBeLessThan(5_000)
    expect(bodyOf(spoken).error).toMatchObject({ code: 'request_timeout', requestId: expect.any(String) })
  })

  test('a body that drips is cut off with 408, however steadily it comes', async () => {
    const spoken = await speak(`${head}Content-Length: 100000\r\n\r\n`, 'x')
    expect(spoken).toMatchObject({ closed: true, answer: expect.stringMatching(/^HTTP\/1\.1 408 /) })
    expect(spoken.ms).toBeLessThan(5_000)
  })

  test('a connection on which nothing is said is closed', async () => {
    expect((await speak('')).closed).toBe(true)
  })

  test('while a hundred clients are slow, others are served', async () => {
    const slow = Array.from({ length: 100 }, (_, index) =>
      index % 2 === 0
        ? speak('GET / HTTP/1.1\r\nHost: x', 'x')
        : speak(`${head}Content-Length: 9999\r\n\r\n`, 'x'),
    )
    const began = performance.now()
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect(answer.status).toBe(200)
    expect(performance.now() - began).toBeLessThan(2_000)
    expect((await Promise.all(slow)).every((spoken) => spoken.closed)).toBe(true)
  })

  test('beyond the limit on connections new ones are closed at once, and when others end there is room again', async () => {
    const small = await openApp({ limits: { connections: 5 } })
    const url = await small.app.listen({ host: '127.0.0.1', port: 0 })
    const sockets = Array.from({ length: 12 }, () => connect(Number(new URL(url).port), '127.0.0.1'))
    let closed = 0
    for (const socket of sockets) socket.on('error', () => {}).on('close', () => closed++)
    await expect.poll(() => closed).toBe(7)
    for (const socket of sockets) socket.destroy()
    await expect
      .poll(() =>
        fetch(`${url}/healthz`).then(
          (answer) => answer.status,
          () => 0,
        ),
      )
      .toBe(200)
    await small.close()
  })
})

describe('what is not HTTP', () => {
  test.each([
    ['nonsense', 'hello\r\n\r\n'],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length and chunks', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a bad chunk', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n'],
    ['a NUL in a header', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n'],
    ['a method that is none', 'FETCH /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
  ])('%s is 400 and the connection is closed', async (_, bytes) => {
    const spoken = await speak(bytes)
    expect(spoken.closed).toBe(true)
    expect(spoken.answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(spoken.answer).not.toMatch(/Parse Error|HPE_|stack/)
  })

  test('headers beyond 16 kB are 431', async () => {
    const spoken = await speak(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`)
    expect(spoken.answer).toMatch(/^HTTP\/1\.1 431 /)
    expect(bodyOf(spoken).error.code).toBe('headers_too_large')
  })

  test('a body longer than its limit is 413 without being read, with and without a length', async () => {
    const told = await speak(`${head}Content-Length: 99999999\r\n\r\n`, null, 1_000)
    expect(told.answer).toMatch(/^HTTP\/1\.1 413 /)
    const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
    const untold = await speak(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`, null, 1_000)
    expect(untold.answer).toMatch(/^HTTP\/1\.1 413 /)
  })
})
