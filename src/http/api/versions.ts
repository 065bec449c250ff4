import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { canonicalJson, sha256 } from '../../canonical-json.ts'
import { NotFoundError } from '../../errors.ts'
import type { Answerer } from '../../lifecycle/answer.ts'
import { promote } from '../../lifecycle/promotion.ts'
import { advance, type Registration, register } from '../../lifecycle.ts'
import type { Actor } from '../../store/events.ts'
import { actorOf, callerOf } from '../access.ts'
import type { App, AppDeps } from '../deps.ts'
import { type OnceOutcome, registerOnce } from '../register-once.ts'
import { registrationFields, registrationOf } from '../registration-fields.ts'
import { holdsRole } from '../roles.ts'
import { modelName, optionalBody, text, versionInUrl } from '../text.ts'
import { answerDecision, answerMove, answerRegistration } from './outcomes.ts'
import * as shape from './schemas.ts'

const tags = ['Versions']
const params = z.strictObject({ name: modelName, version: versionInUrl })
const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters without spaces')
const reason = text(2_000).optional().describe('Kept in the history.')

/** Adds the routes that register a version and move it along. */
export function versionRoutes(app: App, deps: AppDeps): void {
  app.post(
    '/models/:name/versions',
    {
      config: { access: 'registrar' },
      schema: {
        tags,
        summary: 'Register a version',
        description:
          'Starts its validation at once. With the header `Idempotency-Key` a repetition of the same call changes ' +
          'nothing for 30 days, and is answered with where the version stands now.',
        params: z.strictObject({ name: modelName }),
        querystring: z.strictObject({}),
        headers: z.looseObject({ 'idempotency-key': idempotencyKey.optional() }),
        body: z.strictObject(registrationFields),
        response: { 200: shape.registrationOutcome, 201: shape.registrationOutcome, ...shape.errors },
      },
    },
    async (request, reply) => {
      const registration = registrationOf(request.params.name, request.body)
      const key = request.headers['idempotency-key']
      return answerRegistration(reply, await registerByHand(key, registration, actorOf(request), deps))
    },
  )

  app.post(
    '/models/:name/versions/:version/validate',
    {
      config: { access: ['registrar', 'approver'] },
      schema: {
        tags,
        summary: 'Run the checks again',
        params,
        querystring: z.strictObject({}),
        body: optionalBody({ reason }),
        response: { 200: shape.moveOutcome, ...shape.errors },
      },
    },
    async (request, reply) => {
      const event = { type: 'revalidate', freshId: deps.newId() } as const
      const cause = { reason: request.body.reason ?? null }
      const outcome = await advance(deps.db, request.params, event, actorOf(request), deps, cause)
      return answerMove(reply, outcome, 'validated')
    },
  )

  app.post(
    '/models/:name/versions/:version/promote',
    {
      config: { access: ['registrar', 'approver'] },
      schema: {
        tags,
        summary: 'Ask for a version’s promotion to Production, or decide on it',
        description:
          'For an approver, while a request is open, it is their approval. Otherwise it runs the tests and asks those ' +
          'who may decide. It never skips a check.',
        params,
        querystring: z.strictObject({}),
        body: optionalBody({
          archive_existing: z
            .boolean()
            .optional()
            .describe('Whether the versions now in Production are archived; left out, the policy decides.'),
          reason,
        }),
        response: { 200: shape.decisionOutcome, 202: shape.decisionOutcome, ...shape.errors },
      },
    },
    async (request, reply) => {
      const { archive_existing: archiveExisting } = request.body
      const wish = {
        reason: request.body.reason ?? null,
        ...(archiveExisting !== undefined && { archiveExisting }),
      }
      const from = answererOf(request)
      return answerDecision(reply, await promote(deps.db, request.params, wish, from, actorOf(request), deps))
    },
  )

  app.post(
    '/models/:name/versions/:version/archive',
    {
      config: { access: 'approver' },
      schema: {
        tags,
        summary: 'Archive a version',
        params,
        querystring: z.strictObject({}),
        body: optionalBody({ reason }),
        response: { 200: shape.moveOutcome, ...shape.errors },
      },
    },
    async (request, reply) => {
      const cause = { reason: request.body.reason ?? null }
      const outcome = await advance(
        deps.db,
        request.params,
        { type: 'archive' },
        actorOf(request),
        deps,
        cause,
      )
      return answerMove(reply, outcome, 'archived')
    },
  )
}

/** The caller as somebody who answers approval requests. */
export function answererOf(request: FastifyRequest): Answerer {
  const { name, roles } = callerOf(request)
  return { name, mayApprove: holdsRole(roles, 'approver') }
}

async function registerByHand(
  key: string | undefined,
  registration: Registration,
  by: Actor,
  deps: AppDeps,
): Promise<Exclude<OnceOutcome, { kind: 'ignored' }>> {
  if (key === undefined) return register(deps.db, registration, by, deps)
  const delivery = {
    source: `api:${by.principal}`,
    id: key,
    bodyHash: sha256(canonicalJson(registration)),
  }
  const outcome = await registerOnce(deps.db, delivery, registration, by, deps)
  if (outcome.kind === 'ignored')
    throw new NotFoundError('What this idempotency key registered has been deleted since.')
  return outcome
}
