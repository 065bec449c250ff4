// Where errors become answers. Everybody gets one shape, a code and a sentence, and MLflow's clients get theirs; nobody gets a stack, SQL or a
// driver's words (R33).
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { InvalidInputError, NotFoundError } from '../errors.ts'
import { isUnavailable } from '../store/database.ts'
import { isMlflowUrl, mlflowErrorBody } from './mlflow/errors.ts'

/** Seconds after which a client may try again; far below the window in which a signature stays good. */
const retryAfterSeconds = 5
// An answer names the first faults; a body can have thousands.
const maxFaultsNamed = 3

const readingMethods = new Set(['GET', 'HEAD'])
const unavailable = 'The database is unavailable. Try again shortly.'
// A commit whose answer was lost may have happened, and so may one before the statement that failed.
const unknownOutcome =
  'The database is unavailable, and whether anything was changed is not known. ' +
  'Look at the version or its history before you try again.'

/** The shape of every error, but for those of MLflow's API. *Pure.* */
export function errorBody(code: string, message: string, requestId: string) {
  return { error: { code, message, requestId } }
}

/** Answers with an error. */
export function refuse(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  const { url, id } = reply.request
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(isMlflowUrl(url) ? mlflowErrorBody(status, code, message) : errorBody(code, message, id))
}

/** Translates whatever a route threw. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof NotFoundError) return refuse(reply, 404, 'not_found', error.message)
  if (error instanceof InvalidInputError) return refuse(reply, 400, error.code, error.message)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const faults = error.validation.map((issue) => ({
      path: issue.instancePath.split('/').filter((part) => part !== ''),
      message: issue.message,
    }))
    return refuse(reply, 400, 'invalid_input', nameFaults(faults, placeNames[error.validationContext ?? '']))
  }
  if (isUnavailable(error)) {
    request.log.warn({ err: error }, 'the database is unavailable')
    const said = readingMethods.has(request.method) ? unavailable : unknownOutcome
    return refuse(reply.header('retry-after', retryAfterSeconds), 503, 'unavailable', said)
  }
  const known = protocolFaults[error.code]
  // What is left of a body that is too large is not waited for.
  if (known?.[0] === 413) reply.header('connection', 'close')
  if (known !== undefined) return refuse(reply, ...known)
  const status = error.statusCode ?? 500
  if (status >= 400 && status < 500)
    return refuse(reply, status, 'bad_request', 'The request cannot be accepted as it is.')
  request.log.error({ err: error }, 'a request failed')
  return refuse(reply, 500, 'internal', 'Something went wrong on our side; the log has the details.')
}

const placeNames: Record<string, string> = {
  body: 'in the body',
  querystring: 'in the query',
  params: 'in the path',
  headers: 'in the headers',
}

const protocolFaults: Record<string, [number, string, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'payload_too_large', 'The body is larger than this route reads.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'unsupported_media_type',
    'Send the body as application/json in UTF-8.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'bad_request', 'The body is not as long as its header says.'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'uri_too_long', 'A part of the path is longer than any name may be.'],
  FST_ERR_BAD_URL: [400, 'bad_url', 'The path is not properly percent-encoded.'],
}

/** Parses a payload; throws InvalidInputError that names the fields at fault. */
export function parseInput<T>(schema: z.ZodType<T>, payload: unknown): T {
  const result = schema.safeParse(payload)
  if (result.success) return result.data
  throw new InvalidInputError(nameFaults(result.error.issues, placeNames.body))
}

/** Says which fields are at fault, and why. *Pure.* */
function nameFaults(
  faults: readonly { path: readonly PropertyKey[]; message?: string }[],
  place = 'in the request',
): string {
  const sentences = faults.slice(0, maxFaultsNamed).map(({ path, message = 'is not valid' }) => {
    const field = path.length === 0 ? '' : `"${path.map(String).join('.').slice(0, 200)}" `
    return `${field}${place}: ${message.slice(0, 300)}`
  })
  const more = faults.length > maxFaultsNamed ? ` (and ${faults.length - maxFaultsNamed} more)` : ''
  return `${sentences.join('; ')}${more}`
}

const clientFaults: Record<string, [string, string, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'request_timeout',
    'The request took too long to arrive.',
  ],
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'headers_too_large',
    'The headers are too large.',
  ],
}

/** Answers on a bare socket what never became a request, and closes it. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, code, message] = clientFaults[error.code ?? ''] ?? [
    '400 Bad Request',
    'bad_request',
    'This is not a valid HTTP request.',
  ]
  const body = JSON.stringify(errorBody(code, message, requestId))
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`
  if (socket.writable) socket.write(head + body)
  socket.destroy(error)
}
