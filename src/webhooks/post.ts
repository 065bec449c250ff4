// One request to one receiver, which may mean harm or be out of order.
//
// Invariants:
//   O1. The connection goes to an address that was looked at, and its other end is looked at again before anything
//       is said. The name in TLS and in `Host` stays the one of the URL (R13).
//   O2. Nothing else decides where it goes: no proxy, no kept connection, no redirect.
//   O3. It ends in time whatever the other side does. Once the status is there, what follows is read for a second and
//       64 KiB at most, and the rest is thrown away.
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { isPublicAddress } from './addresses.ts'
import type { OutboundRules, Target } from './guard.ts'

/** What came of a request: the answer's status decides once it is there, or why none came. */
export type Posted =
  | { kind: 'answered'; status: number; retryAfter: string | null }
  | { kind: 'failed'; error: 'blocked' | 'connection' | 'timeout' }

const mostBytes = 64 * 1024
// Most receivers say what they say at once; those that do not must not be paid for with a slot.
const mostMs = 1_000

/** Posts a body. Ends when `late` fires, with what is known then. *Never rejects.* */
export async function post(
  target: Target,
  headers: Record<string, string>,
  body: string,
  rules: OutboundRules,
  late: AbortSignal,
  readMs = mostMs,
): Promise<Posted> {
  let socket: Socket | undefined
  try {
    socket = await reach(target, late)
    if (!rules.allowPrivateAddresses && !isPublicAddress(socket.remoteAddress ?? ''))
      return { kind: 'failed', error: 'blocked' } // O1
    const response = await send(target, secured(target, socket), headers, body, late)
    await readSome(response, readMs) // O3
    const { statusCode: status = 0, headers: answered } = response
    return { kind: 'answered', status, retryAfter: answered['retry-after'] ?? null }
  } catch {
    return { kind: 'failed', error: late.aborted ? 'timeout' : 'connection' }
  } finally {
    socket?.destroy()
  }
}

/** Connects to the first of the target's addresses that answers (O1). */
async function reach({ url, hostname, addresses }: Target, late: AbortSignal): Promise<Socket> {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  const socket = connect({
    host: hostname,
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    lookup: (_, __, done) => process.nextTick(done, null, found),
    autoSelectFamily: true,
    signal: late,
  })
  // What goes wrong later is told by whoever uses it then; unheard it would end the process.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function secured({ url, hostname }: Target, socket: Socket): Socket {
  if (url.protocol !== 'https:') return socket
  // An address is no name that TLS could ask for; the certificate is held against it all the same.
  const name = isIP(hostname) === 0 ? { servername: hostname } : {}
  return connectTls({ socket, host: hostname, ...name, ALPNProtocols: ['http/1.1'] })
}

function send(
  { url }: Target,
  connection: Socket,
  headers: Record<string, string>,
  body: string,
  late: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // A connection that is handed in is used once, and by no agent (O2).
    const sent = request({
      method: 'POST',
      host: url.hostname,
      path: `${url.pathname}${url.search}`,
      headers: {
        Host: url.host,
        'User-Agent': 'greenroom',
        ...headers,
        'Content-Length': Buffer.byteLength(body),
      },
      createConnection: () => connection,
      signal: late,
    })
    sent.on('response', resolve)
    sent.on('error', reject)
    sent.on('close', () => reject(new Error('closed without an answer')))
    sent.end(body)
  })
}

/** Lets a receiver finish what it says, within bounds; what it is does not matter (O3). */
async function readSome(response: IncomingMessage, readMs: number): Promise<void> {
  const timer = setTimeout(() => response.destroy(), readMs)
  let left = mostBytes
  try {
    for await (const chunk of response) {
      left -= (chunk as Buffer).length
      if (left <= 0) return
    }
  } catch {
    // The status had arrived; a receiver that breaks off after it has taken the delivery.
  } finally {
    clearTimeout(timer)
  }
}
