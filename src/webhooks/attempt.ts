import { aim, type Outbound, type Refused } from './guard.ts'
import { type Posted, post } from './post.ts'
import { type Message, signedHeaders } from './signature.ts'

/** A message for one receiver. `secret` is what it is signed with; null: it is not signed. */
export type Dispatch = {
  url: string
  secret: string | null
  message: Message
}

/** What came of an attempt, and how many milliseconds it took. `error` says in a word why no answer came. */
export type Attempted = { ms: number } & (
  | Exclude<Posted, { kind: 'failed' }>
  | { kind: 'failed'; error: (Posted & { kind: 'failed' })['error'] | Refused['error'] }
)

const attemptMs = 10_000

/**
 * Delivers a message once, to wherever the guard lets it, in ten seconds at most. A redirect is an answer like any
 * other and is not followed. Rejects only with the reason of `stop`, when that fires before there is an answer.
 */
export async function attemptOnce(
  dispatch: Dispatch,
  outbound: Outbound,
  now: Date,
  stop: AbortSignal,
  limitMs = attemptMs,
): Promise<Attempted> {
  const started = performance.now()
  const late = AbortSignal.any([stop, AbortSignal.timeout(limitMs)])
  const attempted = await guarded(dispatch, outbound, now, late)
  if (attempted.kind === 'failed') stop.throwIfAborted()
  return { ...attempted, ms: Math.round(performance.now() - started) }
}

async function guarded(
  { url, secret, message }: Dispatch,
  outbound: Outbound,
  now: Date,
  late: AbortSignal,
): Promise<Posted | { kind: 'failed'; error: Refused['error'] }> {
  const aimed = await aim(url, outbound, late)
  if (aimed.kind === 'refused') return { kind: 'failed', error: aimed.error }
  return post(aimed.target, signedHeaders(message, secret, now), message.body, outbound, late)
}
