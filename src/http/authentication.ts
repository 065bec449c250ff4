// Who is calling: a bearer token, the same as the password of Basic (which is what MLflow's client can send), or a
// browser session. A revocation is effective at once where it is asked for, and in other processes when what they know of
// the token is outdated, in less than the second that R4 gives them.
import type { FastifyRequest } from 'fastify'
import { openMemory } from '../memory.ts'
import type { TokenRow } from '../store/tokens.ts'
import { findSessionToken, findToken } from '../store/tokens.ts'
import type { AppDeps } from './deps.ts'
import { countFailures } from './failures.ts'
import { type Role, roles, rolesIn } from './roles.ts'
import { hashSecret, isSessionSecret, matchesHash, tokenIdOf } from './token-text.ts'

/** Who calls, with the roles held, and how that is known. */
export type Caller = { name: string; roles: Role[]; via: 'token' | 'session' | 'off' }

export type Authentication =
  | { kind: 'known'; caller: Caller }
  /** Nothing was shown. */
  | { kind: 'anonymous' }
  /** What was shown is not, or no longer, good. */
  | { kind: 'refused' }
  /** This address has shown too much that was not good. */
  | { kind: 'limited'; retryAfterSeconds: number }
  | { kind: 'badUser' }

/** Finds out who calls. */
export type Authenticator = {
  authenticate(request: FastifyRequest): Promise<Authentication>
  /** Checks a token that came in another way than a header, such as a form. */
  checkToken(token: string, address: string): Promise<TokenCheck>
  /** Has a token looked up anew from now on, for it was changed. */
  forget(tokenId: string): void
}

/** What a shown token turned out to be. */
export type TokenCheck =
  | { kind: 'good'; row: TokenRow }
  | Extract<Authentication, { kind: 'refused' | 'limited' }>

/** The name of the cookie that holds a browser session's secret; over https one that no other host can set (R9). */
export function sessionCookieAt(publicUrl: string): string {
  return publicUrl.startsWith('https:') ? '__Host-greenroom_session' : 'greenroom_session'
}

/** What a request brings in the cookie of that name. */
export function sessionSecretIn({ server, headers }: FastifyRequest, cookie: string): string | undefined {
  return server.parseCookie(headers.cookie ?? '')[cookie]
}

// Most calls come from few tokens, and looking one up costs a quarter of what else a read does.
const heldMs = 250
const mostHeld = 1_000
const windowMs = 60_000
const mostProven = 1_000

/** Makes the one authenticator of an application. */
export function makeAuthenticator(deps: AppDeps): Authenticator {
  const sessionCookie = sessionCookieAt(deps.config.publicUrl)
  const failures = countFailures({ limit: 30, windowMs, most: 10_000 })
  // Ids of tokens that were good before. Somebody else's failures behind the same proxy must not shut their
  // holders out; an id lets nobody in, it only leads to the comparison.
  const proven = new Set<string>()
  const memory = openMemory<TokenRow | undefined>(heldMs, mostHeld)

  const checkToken = async (token: string, address: string): Promise<TokenCheck> => {
    const now = deps.now()
    const id = tokenIdOf(token)
    if (failures.isOver(address, now) && (id === null || !proven.has(id)))
      return { kind: 'limited', retryAfterSeconds: windowMs / 1000 }
    const row = id === null ? undefined : await memory.recall(id, () => findToken(deps.reserved, id))
    if (row === undefined || !matchesHash(token, row.secret_hash) || !isGood(row, now)) {
      failures.note(address, now)
      return { kind: 'refused' }
    }
    if (proven.size >= mostProven) proven.clear()
    proven.add(row.id)
    return { kind: 'good', row }
  }

  const authenticate = async (request: FastifyRequest): Promise<Authentication> => {
    if (deps.config.auth === 'off') return localCaller(request)
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const check = await checkToken(tokenIn(authorization) ?? '', request.ip)
      return check.kind === 'good' ? { kind: 'known', caller: callerFrom(check.row, 'token') } : check
    }
    const secret = sessionSecretIn(request, sessionCookie)
    if (secret === undefined || !isSessionSecret(secret)) return { kind: 'anonymous' }
    const now = deps.now()
    const row = await findSessionToken(deps.reserved, hashSecret(secret), now)
    if (row === undefined || !isGood(row, now)) return { kind: 'anonymous' }
    return { kind: 'known', caller: callerFrom(row, 'session') }
  }

  return { authenticate, checkToken, forget: memory.forget }
}

function isGood(row: TokenRow, now: Date): boolean {
  return row.revoked_at === null && (row.expires_at === null || row.expires_at > now)
}

function callerFrom(row: TokenRow, via: Caller['via']): Caller {
  return { name: row.principal, roles: rolesIn(row.roles), via }
}

function localCaller(request: FastifyRequest): Authentication {
  const name = request.headers['x-greenroom-user'] ?? 'local'
  if (typeof name !== 'string' || !/^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(name))
    return { kind: 'badUser' }
  return { kind: 'known', caller: { name, roles: [...roles], via: 'off' } }
}

function tokenIn(authorization: string): string | null {
  const [, scheme, credentials] = /^(Bearer|Basic) +([\w.~+/=-]+) *$/i.exec(authorization) ?? []
  if (scheme === undefined || credentials === undefined) return null
  if (scheme.toLowerCase() === 'bearer') return credentials
  const pair = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon === -1 ? null : pair.slice(colon + 1)
}
