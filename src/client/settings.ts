// Where the server is and who calls it, for the command line and for programs alike.
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { InvalidInputError, OperatorError } from '../errors.ts'
import type { Connection } from './call.ts'

const defaultUrl = 'http://127.0.0.1:4100'
// Longer than the server waits for its database, so that its own sentence arrives.
const timeoutMs = 30_000

/** What goes over the environment. */
export type GivenSettings = { url?: string | undefined; token?: string | undefined }

/** Where the server is and who calls, from what is given, else from the environment. Throws OperatorError. */
export async function readSettings(
  env: NodeJS.ProcessEnv,
  given: GivenSettings,
  client: Connection['client'],
): Promise<Connection> {
  const url =
    given.url === undefined ? addressIn('GREENROOM_URL', env.GREENROOM_URL) : addressIn('url', given.url)
  const token = tokenFrom(given.token ?? env.GREENROOM_TOKEN)
  return {
    url,
    token: token ?? (isLoopback(url) ? await localToken(env) : null),
    user: userFrom(env),
    client,
    timeoutMs,
  }
}

/** A server's address without a slash at its end. Throws InvalidInputError, a sentence about it. *Pure.* */
export function parseAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new InvalidInputError('It must be a URL such as http://127.0.0.1:4100.')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new InvalidInputError('It must be a URL without a user, a query and a fragment.')
  return url.href.replace(/\/+$/, '')
}

/** The file in which a server leaves its first token, for people on the same machine. *Pure.* */
export function tokenFile(env: NodeJS.ProcessEnv): string {
  return join(env.GREENROOM_HOME?.trim() || '.greenroom', 'admin-token')
}

function addressIn(place: string, given: string | undefined): string {
  const text = given?.trim()
  if (!text) return defaultUrl
  try {
    return parseAddress(text)
  } catch (error) {
    throw new OperatorError(`${place} cannot be used. ${(error as Error).message}`)
  }
}

function tokenFrom(text: string | undefined): string | null {
  const token = text?.trim()
  if (!token) return null
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new OperatorError('GREENROOM_TOKEN holds characters that no token has; copy it anew.')
}

// The file is this machine's secret, so a server elsewhere is not shown it.
async function localToken(env: NodeJS.ProcessEnv): Promise<string | null> {
  const text = await readFile(tokenFile(env), 'utf8').catch(() => '')
  const token = text.trim()
  return /^[\x21-\x7e]+$/.test(token) ? token : null
}

function isLoopback(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
}

function userFrom(env: NodeJS.ProcessEnv): string | null {
  const printable = /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/
  const given = env.GREENROOM_USER?.trim()
  if (given && !printable.test(given))
    throw new OperatorError('GREENROOM_USER must be up to 256 printable ASCII characters.')
  const name = given || systemUser()
  return printable.test(name) ? name : null
}

function systemUser(): string {
  try {
    return userInfo().username
  } catch {
    return '' // a user id without a name, as containers have
  }
}
