// Reading requests as MLflow's server does: old and new clients of it rely on the leniencies.
import { errorCodes, type FastifyRequest } from 'fastify'
import { InvalidInputError } from '../../errors.ts'
import { maxBodyBytes, parseJson } from '../json.ts'
import { isStorable } from '../text.ts'
import type { Fields } from './fields.ts'

/** Refuses a POST whose body is not said to be JSON. Other methods say what they like. */
export async function checkContentType({ method, headers }: FastifyRequest): Promise<void> {
  if (method !== 'POST') return
  const type = headers['content-type']
  if (type === undefined) throw new InvalidInputError('Bad Request. Content-Type header is missing.')
  if (type.split(';', 1)[0] !== 'application/json')
    throw new InvalidInputError("Bad Request. Content-Type must be one of ['application/json'].")
}

/** What a request says: its body, or the query of a GET that has one. Fields it does not know are let be. */
export async function readGiven(request: FastifyRequest, fields: Fields): Promise<Record<string, unknown>> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return objectIn(request.body)
  const query = request.query as Record<string, string | string[]>
  if (Object.keys(query).length === 0) return objectIn(await readBody(request))
  const given = Object.entries(query).flatMap(([name, value]) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    const values = [value].flat()
    if (!values.every((one) => isStorable(one)))
      throw new InvalidInputError('The query has a NUL or half of a surrogate pair in a text.')
    return field === undefined ? [] : [[name, field.isList ? values : values[0]]]
  })
  return Object.fromEntries(given)
}

/** The object in a body. What is not JSON counts as an empty one, and JSON in a JSON text is read as well. */
function objectIn(body: unknown): Record<string, unknown> {
  if (!Buffer.isBuffer(body)) return {}
  const outer = parseLeniently(body)
  const value = typeof outer === 'string' ? parseLeniently(Buffer.from(outer)) : outer
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : {}
}

function parseLeniently(bytes: Buffer): unknown {
  try {
    return parseJson(bytes)
  } catch (error) {
    if (error instanceof InvalidInputError && error.code === 'invalid_json') return {}
    throw error
  }
}

/** The body of a GET, which the framework does not read. */
async function readBody({ headers, raw }: FastifyRequest): Promise<Buffer> {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined)
    return Buffer.alloc(0)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of raw) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
