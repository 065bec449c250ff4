import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'

/** A small server on this machine. `requests` are those it got, as `GET /path?query`. */
export type HttpServer = {
  url: string
  requests: string[]
  /** How many connections to it are open. */
  connections(): Promise<number>
  close(): Promise<void>
}

export type Handler = (request: IncomingMessage, url: URL, response: ServerResponse) => void | Promise<void>

/** Starts one. A handler that throws is answered with 500. */
export async function serveHttp(handle: Handler): Promise<HttpServer> {
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    try {
      await handle(request, new URL(request.url ?? '/', 'http://localhost'), response)
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: promisify(server.getConnections.bind(server)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
