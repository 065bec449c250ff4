import cookie from '@fastify/cookie'
import fastify, { type FastifyRequest, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { guardRoutes } from './access.ts'
import { apiRoutes } from './api/routes.ts'
import { makeAuthenticator } from './authentication.ts'
import { boardRoute } from './board.ts'
import type { App, AppDeps } from './deps.ts'
import { collectDocs, docsRoutes } from './docs.ts'
import { answerClientError, answerError } from './errors.ts'
import { healthRoutes } from './health.ts'
import { maxBodyBytes, parseJson } from './json.ts'
import { makeMetrics, serveMetrics } from './metrics.ts'
import { mlflowRoutes } from './mlflow/routes.ts'
import { answerUnknown } from './not-found.ts'
import { guardPerimeter } from './perimeter.ts'
import { queuesBoard } from './queues-board.ts'
import { signInRoutes } from './sign-in.ts'
import { slackRoutes } from './slack.ts'
import { webhookRoutes } from './webhooks/routes.ts'

export type { AppDeps } from './deps.ts'

/** How long things may take, in milliseconds, and how many clients may be connected (R24). */
export type Limits = {
  /** For the headers of a request. */
  headersMs: number
  /** For a request as a whole, its body included. */
  requestMs: number
  /** For a connection on which nothing moves; longer than the slowest answer takes. */
  idleMs: number
  /** Between two looks at all of that. */
  lookMs: number
  connections: number
  /** For `/readyz` to answer. */
  readyMs: number
  /** For the queue dashboard to answer. */
  dashboardMs: number
}

const defaultLimits: Limits = {
  headersMs: 10_000,
  requestMs: 15_000,
  idleMs: 30_000,
  lookMs: 1_000,
  connections: 5_000,
  readyMs: 1_900,
  dashboardMs: 10_000,
}

/** Builds the application, ready to listen. Rejects when a route does not declare who may call it (R1). */
export async function buildApp(deps: AppDeps, changes: Partial<Limits> = {}): Promise<App> {
  const limits = { ...defaultLimits, ...changes }
  const app = create(deps, limits)
  const metrics = makeMetrics(deps)
  const authenticator = makeAuthenticator(deps)

  app.setErrorHandler(answerError)
  readJsonOnly(app)
  guardPerimeter(app, deps.config)
  // Few requests bring any; who calls is read from them where it is asked.
  await app.register(cookie, { hook: false })
  guardRoutes(app, deps, authenticator)
  answerUnknown(app)
  logRequests(app)
  letGoOnClose(app)
  serveMetrics(app, metrics)

  await collectDocs(app)
  await app.register(webhookRoutes, { deps, metrics })
  await app.register(apiRoutes, { prefix: '/api/v1', deps, authenticator })
  await app.register(mlflowRoutes, { deps })
  await slackRoutes(app, deps)
  await app.register(signInRoutes, { deps, authenticator })
  await app.register(healthRoutes, { deps, boundMs: limits.readyMs })
  await app.register(boardRoute, { deps })
  await app.register(queuesBoard, { deps, boundMs: limits.dashboardMs })
  await docsRoutes(app)
  await app.ready()
  return app
}

function create(deps: AppDeps, limits: Limits): App {
  const app = fastify({
    loggerInstance: deps.log,
    // One line per request, written when it has been answered.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    // Never taken from the caller, who could pass off one request as another.
    requestIdHeader: false,
    genReqId: () => deps.newId(),
    bodyLimit: maxBodyBytes,
    requestTimeout: limits.requestMs,
    connectionTimeout: limits.idleMs,
    keepAliveTimeout: limits.headersMs,
    // Closing must not wait for browsers that keep a connection open.
    forceCloseConnections: 'idle',
    // Nor are they turned away: what came in over an open connection is still answered.
    return503OnClosing: false,
    http: { headersTimeout: limits.headersMs, connectionsCheckingInterval: limits.lookMs },
    // A model's name of 256 characters, percent-encoded.
    routerOptions: { maxParamLength: 256 * 12 },
    // What the router refuses comes past no hook.
    frameworkErrors: (error, request, reply) =>
      void answerError(error, request, reply.header('x-request-id', request.id)),
    clientErrorHandler: (error, socket) => answerClientError(error, socket, deps.newId()),
  })
  app.server.maxConnections = limits.connections
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  return app.withTypeProvider<ZodTypeProvider>()
}

function readJsonOnly(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: maxBodyBytes },
    // A client that names the type and sends nothing means nothing.
    async (_: FastifyRequest, body: Buffer) => (body.length === 0 ? undefined : parseJson(body)),
  )
}

function logRequests(app: App): void {
  app.addHook('onResponse', (request, reply, done) => {
    const about = {
      method: request.method,
      // Without the query, which may hold what belongs in no log.
      path: request.url.split('?', 1)[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    }
    // What probes ask for every few seconds is of no interest.
    const level = request.routeOptions.config.access === 'public' ? 'debug' : 'info'
    request.log[level](about, 'request')
    done()
  })
}

// A connection that was busy when the stop began is let go of as soon as it has been answered, not when its client
// has kept it open for long enough.
function letGoOnClose(app: App): void {
  app.addHook('preClose', async () => {
    const timer = setInterval(() => app.server.closeIdleConnections(), 100)
    app.server.once('close', () => clearInterval(timer))
  })
}
