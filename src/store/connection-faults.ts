import { OperatorError } from '../errors.ts'
import { isUnavailable } from './database.ts'

/**
 * Throws why a database that was just opened cannot be used, as an OperatorError that says what to do; any other error
 * as it is.
 */
export function explainConnection(error: unknown): never {
  const cause = error instanceof OperatorError ? error.cause : error
  const sentence = cause instanceof Error ? sentenceFor(cause) : null
  throw sentence === null ? error : new OperatorError(sentence, { cause })
}

function sentenceFor(error: Error): string | null {
  if (isUnavailable(error))
    return 'The database does not answer. Start it, or correct DATABASE_URL; leave it unset for an embedded one.'
  const { message } = error
  const { code = '' } = error as { code?: string }
  if (code.startsWith('28') || message.startsWith('SASL'))
    return `The database refuses the login: ${message}. Correct the user and the password in DATABASE_URL.`
  if (code === '3D000')
    return `The database server answers, but ${message}. Create it, or correct DATABASE_URL.`
  if (message.includes('does not support SSL'))
    return 'The database server does not speak TLS. Turn it on there, or take sslmode out of DATABASE_URL.'
  if (/certificate/i.test(message))
    return `The certificate of the database server is not trusted: ${message}. Correct sslmode and sslrootcert in DATABASE_URL.`
  return null
}
