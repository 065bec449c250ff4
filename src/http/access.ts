// Who may call what. Deny by default: a route that does not say who may call it stops start-up (R1), and a path that
// is no route at all is refused to strangers in the same way, so that nobody learns which exist.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Actor } from '../store/events.ts'
import type { Authenticator, Caller } from './authentication.ts'
import type { AppDeps } from './deps.ts'
import { refuse } from './errors.ts'
import { type Access, holdsRole } from './roles.ts'
import { originOf } from './same-origin.ts'

export { ensureAdminToken } from './admin-token.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. */
    access?: Access
  }
}

/** Refuses every call that the route's declared access does not allow, before its body is read. */
export function guardRoutes(app: FastifyInstance, deps: AppDeps, authenticator: Authenticator): void {
  const routes: RouteOptions[] = []
  app.decorateRequest('caller', null)
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onReady', async () => {
    const open = routes.filter((route) => route.config?.access === undefined)
    if (open.length === 0) return
    const names = open.map((route) => `${String(route.method)} ${route.url}`)
    throw new Error(`routes that do not declare who may call them: ${names.join(', ')}`)
  })
  app.addHook('onRequest', async (request, reply) => {
    const access = request.is404 ? 'viewer' : request.routeOptions.config.access
    if (access === 'public' || access === 'signed') return
    const authentication = await authenticator.authenticate(request)
    if (authentication.kind !== 'known') return turnAway(request, reply, authentication)
    const { caller } = authentication
    if (isUnsafe(request.method) && !isOwnDoing(request, caller, deps.config.publicUrl))
      return refuse(
        reply,
        403,
        'cross_site',
        'This request was sent by another site, and was not carried out.',
      )
    // Without a declaration nobody holds what is asked for.
    if (![access ?? []].flat().some((role) => holdsRole(caller.roles, role)))
      return refuse(
        reply,
        403,
        'forbidden',
        `Your token does not have the role ${[access].flat().join(' or ')}.`,
      )
    request.setDecorator('caller', caller)
  })
}

/** Declares who may call the routes that a plugin adds to a scope by itself. */
export function declareAccess(scope: FastifyInstance, access: (route: RouteOptions) => Access): void {
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: access(route) }
  })
}

/** Who calls this route, which must be one that asks for a role. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = request.getDecorator<Caller | null>('caller')
  if (caller === null) throw new Error('this route does not ask who calls it')
  return caller
}

/** The caller as the history knows them. */
export function actorOf(request: FastifyRequest, channel = channelOf(request)): Actor {
  return { principal: callerOf(request).name, channel, traceId: request.id }
}

function channelOf(request: FastifyRequest): string {
  if (request.headers['x-greenroom-client'] === 'cli') return 'cli'
  return callerOf(request).via === 'session' ? 'board' : 'api'
}

function isUnsafe(method: string): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method)
}

// A browser adds a session's cookie by itself, so there the request must prove where it came from. A token is added
// by whoever sends it; only what plainly comes from another site is refused.
function isOwnDoing(request: FastifyRequest, caller: Caller, publicUrl: string): boolean {
  const origin = originOf(request, publicUrl)
  return origin === 'own' || (origin === 'unknown' && caller.via !== 'session')
}

function turnAway(
  request: FastifyRequest,
  reply: FastifyReply,
  authentication: Exclude<Awaited<ReturnType<Authenticator['authenticate']>>, { kind: 'known' }>,
): FastifyReply {
  switch (authentication.kind) {
    case 'limited':
      reply.header('retry-after', authentication.retryAfterSeconds)
      return refuse(
        reply,
        429,
        'too_many_attempts',
        'Too many failed sign-ins from this address; wait a minute.',
      )
    case 'badUser':
      return refuse(
        reply,
        400,
        'invalid_input',
        'The header x-greenroom-user must be up to 256 printable ASCII characters.',
      )
    case 'refused':
      return unauthorized(reply, 'The token is not valid, has expired, or was revoked.')
    case 'anonymous':
      if (wantsPage(request)) return reply.redirect(signInPath(request.url), 303)
      return unauthorized(reply, 'Send a token as "Authorization: Bearer …", or sign in at /sign-in.')
  }
}

function unauthorized(reply: FastifyReply, message: string): FastifyReply {
  return refuse(reply.header('www-authenticate', 'Bearer realm="greenroom"'), 401, 'unauthorized', message)
}

function wantsPage(request: FastifyRequest): boolean {
  return !isUnsafe(request.method) && (request.headers.accept ?? '').includes('text/html')
}

function signInPath(next: string): string {
  return next === '/' ? '/sign-in' : `/sign-in?${new URLSearchParams({ next })}`
}
