import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'

/** One request as it arrived. */
export type Received = { path: string; headers: IncomingHttpHeaders; body: string; at: number }

/** What a receiver does with a request. */
export type Behaviour =
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string }
  /** Says nothing, for ever. */
  | { kind: 'stall' }
  /** Answers after a while. */
  | { kind: 'tarry'; status: number; ms: number }
  /** Breaks the connection off. */
  | { kind: 'reset' }
  /** Sends a byte of the head of its answer now and then. */
  | { kind: 'dripHead' }
  /** Answers, and then sends a byte of its body now and then. */
  | { kind: 'dripBody'; status: number }
  /** Answers with a body that never ends. */
  | { kind: 'flood'; status: number }

/** A webhook's receiver on a loopback address, which keeps all it is sent. */
export type Receiver = {
  url: string
  port: number
  received: Received[]
  /** Bytes of answers that were taken off its hands. */
  sent(): number
  /** How the next requests are treated, one after another; those that follow are answered with 204. */
  behave(...next: Behaviour[]): void
  /** How all requests are treated from now on that nothing else was said of. */
  always(behaviour: Behaviour): void
  close(): Promise<void>
}

const dripMs = 200

/** Starts a receiver; over TLS when it is given a key and a certificate. */
export async function startReceiver(tls?: { key: string; cert: string }): Promise<Receiver> {
  const received: Received[] = []
  const queue: Behaviour[] = []
  let otherwise: Behaviour = { kind: 'answer', status: 204 }
  let sent = 0
  const take: RequestListener = async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    const { url: path = '', headers } = request
    received.push({ path, headers, body: Buffer.concat(chunks).toString(), at: Date.now() })
    request.socket.on('close', () => {
      sent += request.socket.bytesWritten
    })
    treat(response, queue.shift() ?? otherwise)
  }
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook`,
    port,
    received,
    sent: () => sent,
    behave: (...next) => void queue.push(...next),
    always: (behaviour) => {
      otherwise = behaviour
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** Tells whether a request carries MLflow's signature of its very bytes under the secret. */
export function isSigned({ headers, body }: Received, secret: string): boolean {
  const [id, timestamp] = [headers['x-mlflow-delivery-id'], headers['x-mlflow-timestamp']]
  const mac = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
  return headers['x-mlflow-signature'] === `v1,${mac}`
}

function treat(response: ServerResponse, behaviour: Behaviour): void {
  const { socket } = response
  if (socket === null) return
  switch (behaviour.kind) {
    case 'answer':
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
      return
    case 'stall':
      return
    case 'tarry': {
      const timer = setTimeout(() => response.writeHead(behaviour.status).end(), behaviour.ms)
      response.on('close', () => clearTimeout(timer))
      return
    }
    case 'reset':
      // TLS has nothing to reset with.
      if (socket instanceof TLSSocket) socket.destroy()
      else socket.resetAndDestroy()
      return
    case 'dripHead':
      socket.write('HTTP/1.1 200 OK\r\nX-Slow: ')
      repeat(response, () => socket.write('a'))
      return
    case 'dripBody':
      response.writeHead(behaviour.status).write('a')
      repeat(response, () => response.write('a'))
      return
    case 'flood': {
      response.writeHead(behaviour.status)
      const pour = () => {
        while (!socket.destroyed && response.write(Buffer.alloc(16_384)));
      }
      response.on('drain', pour)
      pour()
    }
  }
}

function repeat(response: ServerResponse, drip: () => void): void {
  const timer = setInterval(drip, dripMs)
  response.on('close', () => clearInterval(timer))
}
