import type { FastifyReply, FastifyRequest } from 'fastify'
import { NotFoundError } from '../../errors.ts'
import type { Withheld } from '../../lifecycle/transition.ts'
import type { Actor } from '../../store/events.ts'
import { actorOf } from '../access.ts'
import type { AppDeps } from '../deps.ts'
import { refuse } from '../errors.ts'
import type { Access } from '../roles.ts'
import { shown } from './errors.ts'
import { type Fields, type Input, readFields } from './fields.ts'
import { readGiven } from './request.ts'

/** One row of the table of endpoints. `path` is below the prefix. */
export type Endpoint = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  access: Access
  take: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
}

/** Who calls, and how to answer otherwise than with a body. */
export type Call = { request: FastifyRequest; reply: FastifyReply; by: Actor }

/** The endpoints of one part of the registry. */
export type EndpointsOf = (deps: AppDeps) => Endpoint[]

/**
 * Makes an endpoint out of its fields and its answer: a body, nothing, or a refusal that was sent. A NotFoundError is
 * told as MLflow tells it: of a version where the request names one, else of the model.
 */
export function endpoint<F extends Fields>(
  row: Omit<Endpoint, 'take'> & {
    fields: F
    answer: (input: Input<F>, call: Call) => Promise<unknown>
  },
): Endpoint {
  const { method, path, access, fields, answer } = row
  const take: Endpoint['take'] = async (request, reply) => {
    const given = await readGiven(request, fields)
    try {
      const call = { request, reply, by: actorOf(request, 'mlflow') }
      const body = await answer(readFields(fields, given), call)
      // A reply is awaited until it was sent, and comes to nothing.
      return reply.sent ? reply : (body ?? {})
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      return refuse(reply, 404, 'RESOURCE_DOES_NOT_EXIST', sayMissing(fields, given))
    }
  }
  return { method, path, access, take }
}

/** Answers what was not done: because people were asked first, because the caller may not, or because it cannot be. */
export function answerWithheld(reply: FastifyReply, { kind, why }: Withheld, deps: AppDeps): FastifyReply {
  switch (kind) {
    case 'asked': {
      const where = `Answers are given in Slack, with \`greenroom approve\`, or at ${deps.config.publicUrl}/docs.`
      return refuse(
        reply,
        403,
        'PERMISSION_DENIED',
        `${why} It does not go to Production before that. ${where}`,
      )
    }
    case 'forbidden':
      return refuse(reply, 403, 'PERMISSION_DENIED', why)
    case 'refused':
      return refuse(reply, 400, 'INVALID_PARAMETER_VALUE', why)
  }
}

function sayMissing(fields: Fields, { name, version }: Record<string, unknown>): string {
  return 'version' in fields
    ? `Model Version (name=${shown(name)}, version=${shown(version)}) not found`
    : `Registered Model with name=${shown(name)} not found`
}
