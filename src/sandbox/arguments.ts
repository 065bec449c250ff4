import type { FastifyRequest } from 'fastify'
import { type Checked, refuse } from './methods/answer.ts'

/** The arguments of a Web API call, from the query and from a form or JSON body. Expects the body as text. */
export function readArguments(request: FastifyRequest): Checked<Record<string, unknown>> {
  const query = fromPairs(new URL(request.url, 'http://sandbox').searchParams)
  const body = typeof request.body === 'string' ? request.body : ''
  if (request.method === 'GET' || body === '') return { kind: 'fine', value: query }
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') {
    return { kind: 'fine', value: { ...query, ...fromPairs(new URLSearchParams(body)) } }
  }
  if (type !== 'application/json') return { kind: 'refused', answer: refuse('invalid_post_type') }
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      return { kind: 'fine', value: { ...query, ...parsed } }
    }
    return { kind: 'refused', answer: refuse('json_not_object') }
  } catch {
    return { kind: 'refused', answer: refuse('invalid_json') }
  }
}

/** The token of `Authorization: Bearer …`, else the `token` argument, else null. */
export function readToken(request: FastifyRequest, args: Record<string, unknown>): string | null {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  return bearer ?? (typeof args.token === 'string' ? args.token : null)
}

function fromPairs(pairs: URLSearchParams): Record<string, unknown> {
  return Object.fromEntries(pairs)
}
