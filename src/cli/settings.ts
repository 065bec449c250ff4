import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '../client/call.ts'
import { OperatorError } from '../errors.ts'
import { parseUrl } from './options.ts'

const defaultUrl = 'http://127.0.0.1:4100'
// Longer than the server waits for its database, so that its own sentence arrives.
const timeoutMs = 30_000

/** Where the server is and who calls, from the environment; `givenUrl` is that of the command line. */
export async function readSettings(
  env: NodeJS.ProcessEnv,
  givenUrl: string | undefined,
): Promise<Connection> {
  const url = givenUrl ?? urlFrom(env)
  const token = tokenFrom(env) ?? (isLoopback(url) ? await localToken(env) : null)
  return { url, token, user: userFrom(env), client: 'cli', timeoutMs }
}

/** The file in which a server leaves its first token, for people on the same machine. *Pure.* */
export function tokenFile(env: NodeJS.ProcessEnv): string {
  return join(env.GREENROOM_HOME?.trim() || '.greenroom', 'admin-token')
}

function urlFrom(env: NodeJS.ProcessEnv): string {
  const text = env.GREENROOM_URL?.trim()
  if (!text) return defaultUrl
  try {
    return parseUrl(text)
  } catch (error) {
    throw new OperatorError(`GREENROOM_URL cannot be used. ${(error as Error).message}`)
  }
}

function tokenFrom(env: NodeJS.ProcessEnv): string | null {
  const token = env.GREENROOM_TOKEN?.trim()
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
