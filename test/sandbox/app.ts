import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export const signingSecret = 'a-signing-secret'

/** An interaction as the app understood it. */
export type Payload = Record<string, unknown> & {
  type: string
  user: { id: string; team_id: string }
  trigger_id: string
  response_url: string
  actions: { action_id: string; block_id: string; value: string; type: string }[]
  message: { ts: string; blocks: unknown[] }
  channel: { id: string; name: string }
  container: { is_ephemeral: boolean }
  view: { id: string; private_metadata: string; state: { values: unknown } }
}

/** What the app does with an interaction: nothing means an empty 200; null means that it never answers. */
export type Handler = (payload: Payload) => Promise<{ status?: number; body?: unknown } | null | undefined>

/** A small real app: it verifies the signature over the raw bytes by its own means, then hands over. */
export async function startApp(handle: Handler) {
  const received: { headers: IncomingMessage['headers']; body: string }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    received.push({ headers: request.headers, body })
    if (!isSigned(request, body)) return response.writeHead(401).end()
    const answer = await handle(JSON.parse(new URLSearchParams(body).get('payload') ?? '{}'))
    if (answer === null) return
    response
      .writeHead(answer?.status ?? 200)
      .end(answer?.body === undefined ? '' : JSON.stringify(answer.body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/slack/interactions`,
    received,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function isSigned(request: IncomingMessage, body: string): boolean {
  const seconds = String(request.headers['x-slack-request-timestamp'])
  const given = Buffer.from(String(request.headers['x-slack-signature']))
  const wanted = Buffer.from(
    `v0=${createHmac('sha256', signingSecret).update(`v0:${seconds}:${body}`).digest('hex')}`,
  )
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
