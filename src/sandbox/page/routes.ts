import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { click } from '../interactions/clicks.ts'
import type { Line } from '../interactions/delivery.ts'
import { dismissView, submitView } from '../interactions/submissions.ts'
import type { Workspace } from '../workspace.ts'
import { showPage } from './state.ts'

const files = [
  { url: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  ...['shell.css', 'message.css', 'modal.css'].map((file) => ({
    url: `/page/${file}`,
    file,
    type: 'text/css; charset=utf-8',
  })),
  ...['channel.js', 'blocks.js', 'modal.js', 'dom.js'].map((file) => ({
    url: `/page/${file}`,
    file,
    type: 'text/javascript; charset=utf-8',
  })),
]

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

const clickBody = z.strictObject({
  ts: z.string(),
  actionId: z.string(),
  blockId: z.string(),
  userId: z.string(),
})
const submitBody = z.strictObject({
  viewId: z.string(),
  userId: z.string(),
  values: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
})
const dismissBody = z.strictObject({ viewId: z.string(), userId: z.string() })

/** The channel as a web page at `/`, and what the page asks for under `/page/`. */
export async function serveChannelPage(
  app: FastifyInstance,
  workspace: Workspace,
  line: Line,
  baseUrl: () => string,
): Promise<void> {
  app.removeAllContentTypeParsers()
  // JSON only: another site's form cannot click here, because it cannot send JSON without being asked first.
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  )
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers)
    const { 'sec-fetch-site': site = 'none' } = request.headers
    if (request.method !== 'GET' && !['same-origin', 'none'].includes(String(site))) {
      return reply.code(403).send({ message: 'Only the sandbox page itself may do this.' })
    }
  })
  app.setErrorHandler((error, _request, reply) => {
    const message = error instanceof Error ? error.message : String(error)
    return reply.code(400).send({ message })
  })

  for (const { url, file, type } of files) {
    const content = await readFile(new URL(`./assets/${file}`, import.meta.url))
    app.get(url, (_request, reply) => reply.type(type).send(content))
  }
  app.get('/favicon.ico', (_request, reply) => reply.code(204).send())
  app.get<{ Querystring: { user?: string } }>('/page/state', (request) =>
    showPage(workspace, request.query.user || (workspace.users[0]?.id ?? '')),
  )
  app.get('/page/events', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream' })
    const tell = () => reply.raw.write('data: changed\n\n')
    workspace.listeners.add(tell)
    reply.raw.on('close', () => workspace.listeners.delete(tell))
    tell()
  })
  app.post('/page/click', (request) => click(workspace, line, baseUrl(), clickBody.parse(request.body)))
  app.post('/page/submit', (request) => submitView(workspace, line, submitBody.parse(request.body)))
  app.post('/page/dismiss', async (request) => {
    await dismissView(workspace, line, dismissBody.parse(request.body))
    return {}
  })
}
