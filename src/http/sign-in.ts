// Signing in to the pages: a token is pasted once and exchanged for a session, whose secret is only in the browser's
// cookie and, hashed, in the database (R9).
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { deleteSession, insertSession } from '../store/tokens.ts'
import { type Authenticator, sessionCookieAt, sessionSecretIn } from './authentication.ts'
import type { AppDeps } from './deps.ts'
import { refuse } from './errors.ts'
import { html } from './html.ts'
import { sendPage } from './page.ts'
import { originOf } from './same-origin.ts'
import { hashSecret, makeSessionSecret } from './token-text.ts'

const sessionMs = 12 * 3_600_000
const maxFormBytes = 8 * 1024

/** Adds `/sign-in` and `/sign-out`. */
export async function signInRoutes(
  app: FastifyInstance,
  { deps, authenticator }: { deps: AppDeps; authenticator: Authenticator },
): Promise<void> {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: maxFormBytes },
    async (_: FastifyRequest, body: string) => new URLSearchParams(body),
  )
  const sessionCookie = sessionCookieAt(deps.config.publicUrl)
  const cookie = {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: deps.config.publicUrl.startsWith('https:'),
  } as const

  app.get('/sign-in', { config: { access: 'public' } }, async (request, reply) => {
    const next = nextPath(new URL(request.url, 'http://host').searchParams.get('next'))
    return deps.config.auth === 'off' ? reply.redirect(next, 303) : sendForm(reply, next, null)
  })

  app.post('/sign-in', { config: { access: 'public' } }, async (request, reply) => {
    if (originOf(request, deps.config.publicUrl) !== 'own')
      return refuse(reply, 403, 'cross_site', 'Sign in from this server’s own page.')
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
    const next = nextPath(form.get('next'))
    const check = await authenticator.checkToken((form.get('token') ?? '').trim(), request.ip)
    if (check.kind === 'limited') {
      reply.code(429).header('retry-after', check.retryAfterSeconds)
      return sendForm(reply, next, 'Too many attempts failed from this address; wait a minute.')
    }
    if (check.kind === 'refused') {
      reply.code(401)
      return sendForm(reply, next, 'This token is not valid, has expired, or was revoked.')
    }
    const secret = makeSessionSecret()
    const createdAt = deps.now()
    const expiresAt = new Date(createdAt.getTime() + sessionMs)
    await insertSession(deps.db, {
      secretHash: hashSecret(secret),
      tokenId: check.row.id,
      createdAt,
      expiresAt,
    })
    request.log.info({ principal: check.row.principal }, 'signed in')
    return reply.setCookie(sessionCookie, secret, { ...cookie, maxAge: sessionMs / 1000 }).redirect(next, 303)
  })

  app.post('/sign-out', { config: { access: 'viewer' }, schema: { hide: true } }, async (request, reply) => {
    const secret = sessionSecretIn(request, sessionCookie)
    if (secret !== undefined) await deleteSession(deps.db, hashSecret(secret))
    return reply.clearCookie(sessionCookie, cookie).redirect('/sign-in', 303)
  })
}

/** Where to go after signing in: a path of ours and never another site. *Pure.* */
export function nextPath(wanted: string | null): string {
  return wanted !== null && wanted.length <= 2_000 && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(wanted)
    ? wanted
    : '/'
}

function sendForm(reply: FastifyReply, next: string, complaint: string | null): FastifyReply {
  const body = html`<main><form class="card" method="post" action="/sign-in">
<section>
<h2>Greenroom</h2>
${complaint === null ? null : html`<p class="bad" role="alert">${complaint}</p>`}
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input name="next" type="hidden" value="${next}">
<button>Sign in</button>
</section>
</form></main>`
  return sendPage(reply, { title: 'Sign in · Greenroom', body })
}
