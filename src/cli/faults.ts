import { DigestMismatchError } from '../artifacts/cache.ts'
import { UnavailableSourceError } from '../artifacts/remote.ts'
import { ApiError, type NoAnswer, NoAnswerError } from '../client/errors.ts'
import { tokenFile } from '../client/settings.ts'
import { InvalidInputError, NotFoundError, OperatorError } from '../errors.ts'
import { UnreadableSourceError } from '../runtimes/source.ts'
import { UnusableModelError } from '../runtimes/unusable.ts'
import { show } from './words.ts'

/** An error as it is told: the code for programs, and what happened and what to do next. */
export type Fault = { code: string; message: string; request_id?: string }

/** Puts an error into words that are fit for a terminal. */
export function explain(error: unknown): Fault {
  if (error instanceof ApiError) return explainRefusal(error)
  if (error instanceof NoAnswerError) return { code: error.why, message: noAnswerSentence(error) }
  const message = lines(error instanceof Error ? error.message : String(error))
  if (error instanceof OperatorError) {
    if (error.cause !== undefined) showWhole(error)
    return { code: 'operator', message }
  }
  if (error instanceof InvalidInputError) return { code: error.code, message }
  if (error instanceof NotFoundError) return { code: 'not_found', message }
  for (const [code, kind] of artifactFaults) if (error instanceof kind) return { code, message }
  showWhole(error)
  return {
    code: 'internal',
    message: `This is a fault in greenroom itself: ${message}; LOG_LEVEL=debug shows where.`,
  }
}

function showWhole(error: unknown): void {
  if (process.env.LOG_LEVEL === 'debug') console.error(error)
}

/** What may be wrong with an artifact that is loaded here; the message says what. */
const artifactFaults: [string, new (...args: never[]) => Error][] = [
  ['unreadable_source', UnreadableSourceError],
  ['unavailable_source', UnavailableSourceError],
  ['digest_mismatch', DigestMismatchError],
  ['unusable_model', UnusableModelError],
]

function explainRefusal({ status, code, message, requestId }: ApiError): Fault {
  const id = requestId === null ? {} : { request_id: requestId }
  const told = show(message)
  if (status === 401) return { code, message: `${told} ${signInHint()}`, ...id }
  if (status < 500 || requestId === null) return { code, message: told, ...id }
  return { code, message: `${told} The server's log has it under ${show(requestId)}.`, ...id }
}

function signInHint(): string {
  return process.env.GREENROOM_TOKEN?.trim()
    ? 'Set GREENROOM_TOKEN to one that is.'
    : `Set GREENROOM_TOKEN; on the server's own machine the first one is in ${show(tokenFile(process.env))}.`
}

function noAnswerSentence({ why, url, message }: NoAnswerError): string {
  const sentences: Record<NoAnswer, string> = {
    unreachable: `No server answers at ${show(url)}; start it with \`npm start\` or set GREENROOM_URL.`,
    timeout: `The server gave ${show(message.slice(url.length + 2))}; what was asked may still have been done. See its log, then look again.`,
    not_greenroom: `What answers at ${show(message)}; set GREENROOM_URL to a Greenroom server of this version.`,
  }
  return sentences[why]
}

function lines(text: string): string {
  return text.split('\n').map(show).join('\n')
}
