import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import { InvalidInputError, NotFoundError } from '../../errors.ts'
import { foldName } from '../../policy/people.ts'
import { insertToken, listTokens, revokeToken } from '../../store/tokens.ts'
import { callerOf } from '../access.ts'
import type { Authenticator } from '../authentication.ts'
import type { App, AppDeps } from '../deps.ts'
import { roles } from '../roles.ts'
import { filledText, wholeNumberInUrl } from '../text.ts'
import { hashSecret, makeToken } from '../token-text.ts'
import * as shape from './schemas.ts'
import { viewToken } from './views.ts'

const tags = ['Tokens']
const longestMs = 3_650 * 24 * 3_600_000

// A name is one line; a colon would make it look like a source of webhooks or a Slack user.
const holder = filledText(256)
  .regex(/^[^\p{Cc}:]+$/u, 'must be one line without ":"')
  .refine((name) => !foldName(name).includes(':'), 'must be one line without ":" of any width')

/** Adds the routes that make, list and revoke tokens. */
export function tokenRoutes(app: App, deps: AppDeps, authenticator: Authenticator): void {
  app.post(
    '/tokens',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Make a token',
        description: 'The token itself is in this answer only.',
        querystring: z.strictObject({}),
        body: z.strictObject({
          name: holder.describe('Whose token it is; for approvers the name that the policy lists.'),
          roles: z.array(z.enum(roles)).min(1).max(roles.length),
          expires_in: z
            .string()
            .optional()
            .describe('A duration such as `12h` or `90d`; left out, it does not expire.'),
        }),
        response: { 201: shape.token.extend({ token: z.string() }), ...shape.errors },
      },
    },
    async (request, reply) => {
      const { name, roles, expires_in: expiresIn } = request.body
      const createdAt = deps.now()
      const expiresAt = expiresIn === undefined ? null : expiryOf(expiresIn, createdAt)
      const createdBy = callerOf(request).name
      const { id, token } = makeToken()
      const held = [...new Set(roles)]
      const stored = {
        id,
        secretHash: hashSecret(token),
        principal: name,
        roles: held,
        createdBy,
        createdAt,
        expiresAt,
      }
      if (!(await insertToken(deps.db, stored))) throw new Error('a fresh token id was taken')
      request.log.info({ token: id, principal: name, roles: held }, 'a token was made')
      const row = { id, principal: name, roles: held, secret_hash: '', created_by: createdBy }
      const times = { created_at: createdAt, expires_at: expiresAt, revoked_at: null }
      return reply.code(201).send({ ...viewToken({ ...row, ...times }), token })
    },
  )

  app.get(
    '/tokens',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'List the tokens, without their secrets',
        querystring: z.strictObject({ limit: wholeNumberInUrl(1, 1_000).default(1_000) }),
        response: { 200: z.object({ tokens: z.array(shape.token) }), ...shape.errors },
      },
    },
    async ({ query }) => ({ tokens: (await listTokens(deps.db, query.limit)).map(viewToken) }),
  )

  app.delete(
    '/tokens/:id',
    {
      config: { access: 'admin' },
      schema: {
        tags,
        summary: 'Revoke a token, and with it the sessions that were opened with it',
        description: 'Effective at once on the server that is asked, and within a second on all others.',
        params: z.strictObject({ id: filledText(100) }),
        querystring: z.strictObject({}),
        response: { 200: shape.token, ...shape.errors },
      },
    },
    async (request) => {
      const row = await revokeToken(deps.db, request.params.id, deps.now())
      authenticator.forget(request.params.id)
      if (row === undefined) throw new NotFoundError('There is no token with this id.')
      request.log.info({ token: row.id, principal: row.principal }, 'a token was revoked')
      return viewToken(row)
    },
  )
}

function expiryOf(expiresIn: string, from: Date): Date {
  const ms = parseDuration(expiresIn)
  if (ms === null || ms < 1_000 || ms > longestMs)
    throw new InvalidInputError('"expires_in" in the body: must be a duration from 1s to 3650d, such as 90d')
  return new Date(from.getTime() + ms)
}
