import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import type { FastifyInstance } from 'fastify'
import { declareAccess } from './access.ts'
import type { AppDeps } from './deps.ts'
import { contentPolicy } from './perimeter.ts'

const path = '/queues'

// The dashboard styles its elements inline; its scripts are files of its own.
const policy = contentPolicy({
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'font-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'self'",
})

/** Mounts bull-board under `/queues`: viewers look, admins act. A queue may stay silent; an answer comes within `boundMs`. */
export async function queuesBoard(
  app: FastifyInstance,
  { deps, boundMs }: { deps: AppDeps; boundMs: number },
): Promise<void> {
  const adapter = new FastifyAdapter()
  adapter.setBasePath(path)
  createBullBoard({
    queues: deps.queues.all.map((queue) => new BullMQAdapter(queue)),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Greenroom' } },
  })
  // Its own handler passes on whatever the queue's driver said.
  adapter.setErrorHandler((error) => {
    deps.log.warn({ err: error }, 'the queue dashboard could not answer')
    return {
      status: 500,
      body: {
        error: { key: 'ERRORS.INTERNAL_SERVER_ERROR' },
        message: 'The queue does not answer; try again shortly.',
      },
    }
  })
  app.addHook('onRoute', (route) => {
    route.handlerTimeout = boundMs
  })
  declareAccess(app, (route) => (isRead(route.method) ? 'viewer' : 'admin'))
  app.addHook('onRequest', async (_, reply) => void reply.header('content-security-policy', policy))
  await app.register(adapter.registerPlugin(), { prefix: path })
}

function isRead(method: string | string[]): boolean {
  return [method].flat().every((one) => one === 'GET' || one === 'HEAD')
}
