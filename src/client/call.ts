import { z } from 'zod'
import { errorShape, nothingHere } from '../http/api/schemas.ts'
import { ApiError, NoAnswerError } from './errors.ts'

/** How to reach a server, and as whom. */
export type Connection = {
  /** Without a slash at its end. */
  url: string
  /** Null: none is sent. */
  token: string | null
  /** The name to act under at a server without sign-in; null: the server's choice. */
  user: string | null
  /** The channel that the history names. */
  client: 'cli' | null
  /** Milliseconds that an answer may take. */
  timeoutMs: number
}

/** One call: `path` is below `/api/v1`, already encoded. */
export type Call = {
  method: 'GET' | 'POST'
  path: string
  query?: Record<string, string | number | undefined>
  body?: Record<string, unknown>
}

/** An API of the server: where it is, and how it says no; null for what is no refusal of its. */
type Dialect = { root: string; refusal(status: number, body: unknown): ApiError | null }

const own: Dialect = {
  root: '/api/v1',
  refusal: (status, body) => {
    const refused = errorShape.safeParse(body)
    if (!refused.success) return null
    const { code, message, requestId } = refused.data.error
    return new ApiError(status, code, message, requestId)
  },
}

const mlflowError = z.object({ error_code: z.string(), message: z.string() })
const mlflow: Dialect = {
  root: '/api/2.0/mlflow',
  refusal: (status, body) => {
    const refused = mlflowError.safeParse(body)
    return refused.success
      ? new ApiError(status, refused.data.error_code, refused.data.message, null)
      : own.refusal(status, body)
  },
}

/**
 * Makes one call and gives its answer, parsed. Nothing is tried twice. Throws ApiError when the server refuses,
 * NoAnswerError when no Greenroom server answers.
 */
export function call<T>(to: Connection, request: Call, shape: z.ZodType<T>): Promise<T> {
  return exchange(to, own, request, shape)
}

/** {@link call} for MLflow's REST API; `path` is below `/api/2.0/mlflow`. */
export function callMlflow<T>(to: Connection, request: Call, shape: z.ZodType<T>): Promise<T> {
  return exchange(to, mlflow, request, shape)
}

async function exchange<T>(
  to: Connection,
  { root, refusal }: Dialect,
  request: Call,
  shape: z.ZodType<T>,
): Promise<T> {
  const response = await send(to, root, request)
  const body = await readJson(to, response)
  if (!response.ok) throw refusalOf(to, response, refusal(response.status, body))
  const answer = shape.safeParse(body)
  if (answer.success) return answer.data
  const field = answer.error.issues[0]?.path.map(String).join('.')
  throw strange(to, `its answer is not one that this program knows${field ? ` (at "${field}")` : ''}`)
}

function refusalOf(to: Connection, { status }: Response, refused: ApiError | null): Error {
  if (refused === null) return strange(to, `it answered with HTTP ${status}`)
  return refused.message === nothingHere ? strange(to, 'it has no such path') : refused
}

async function send(
  to: Connection,
  root: string,
  { method, path, query = {}, body }: Call,
): Promise<Response> {
  const url = new URL(`${to.url}${root}/${path}`)
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, String(value))
  const headers = {
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(to.client !== null && { 'x-greenroom-client': to.client }),
    ...(to.token !== null && { authorization: `Bearer ${to.token}` }),
    ...(to.user !== null && { 'x-greenroom-user': to.user }),
  }
  const signal = AbortSignal.timeout(to.timeoutMs)
  try {
    // A redirection leads away from the server that the token is for.
    return await fetch(url, {
      method,
      headers,
      signal,
      redirect: 'manual',
      body: body && JSON.stringify(body),
    })
  } catch (error) {
    throw noAnswer(to, error)
  }
}

async function readJson(to: Connection, response: Response): Promise<unknown> {
  let text: string
  try {
    text = await response.text()
  } catch (error) {
    throw noAnswer(to, error)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw strange(to, `it answered with HTTP ${response.status} and no JSON`)
  }
}

function noAnswer(to: Connection, error: unknown): NoAnswerError {
  if ((error as Error).name === 'TimeoutError')
    return new NoAnswerError('timeout', to.url, `no answer within ${to.timeoutMs / 1000} s`, { cause: error })
  const cause = (error as Error).cause
  const reason = cause instanceof Error ? ((cause as { code?: string }).code ?? cause.message) : String(error)
  return new NoAnswerError('unreachable', to.url, reason, { cause: error })
}

function strange(to: Connection, what: string): NoAnswerError {
  return new NoAnswerError('not_greenroom', to.url, what)
}
