// What the places of remote artifacts have in common. One file per kind of place.
import { UnreadableSourceError } from '../runtimes/source.ts'
import type { Tracking } from './tracking-server.ts'

/** The place of an artifact does not answer, or not to us. That says nothing about the artifact. */
export class UnavailableSourceError extends Error {
  override name = 'UnavailableSourceError'
  /** Whether it may answer by itself in a while: it was not reached, or is in trouble. */
  readonly mayPass: boolean
  constructor(message: string, mayPass = false) {
    super(message)
    this.mayPass = mayPass
  }
}

/** One file of a remote artifact. `path` is as its place names it, relative to the artifact, and not trusted. */
export type RemoteFile = { path: string; read(): Promise<AsyncIterable<Uint8Array>> }

/** What lies at an address: one file, or a folder, whose files come as they are found. */
export type RemoteArtifact =
  | { kind: 'file'; read: RemoteFile['read'] }
  | { kind: 'folder'; files: AsyncIterable<RemoteFile> }

/** From where artifacts may be fetched, and with what. */
export type Places = {
  /** The MLflow tracking server that is asked where runs and logged models have their artifacts; null: there is none. */
  tracking: Tracking | null
  /** Whether a remote artifact may be fetched from an address; asked about each one before it is called. */
  permits(uri: string): boolean
}

/**
 * One kind of place. Throws UnreadableSourceError when nothing is there, UnavailableSourceError when it cannot tell. Keeps
 * what it opens until the signal is aborted, which is done as soon as the artifact is no longer needed.
 */
export type Place = (uri: string, places: Places, signal: AbortSignal) => Promise<RemoteArtifact>

/** The folder of the files that a listing begins to name; null where it names none. */
export async function folderOf(
  files: AsyncGenerator<RemoteFile, void>,
): Promise<Extract<RemoteArtifact, { kind: 'folder' }> | null> {
  const first = await files.next()
  if (first.done === true) return null
  const all = async function* () {
    yield first.value
    yield* files
  }
  return { kind: 'folder', files: all() }
}

/** An address as it may be shown: without what may be a key to it. *Pure.* */
export function shown(uri: string): string {
  return uri.replace(/[?#].*$/s, '')
}

/** Fetches, follows nothing; failures become UnavailableSourceError. Throws the signal's reason. */
export async function request(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetch(url, { headers, signal, redirect: 'manual' })
  } catch (error) {
    signal.throwIfAborted()
    throw new UnavailableSourceError(`${shown(url)} cannot be reached: ${reasonOf(error)}`, true)
  }
}

/** The body of an answer, chunk by chunk. Throws when the answer is not one, as {@link Place} does. */
export async function contentOf(response: Response, named: string): Promise<AsyncIterable<Uint8Array>> {
  if (!response.ok) throw await refusalOf(response, named)
  // What is unpacked on the way can be far larger than what was sent (R17).
  const encoding = response.headers.get('content-encoding') ?? 'identity'
  if (encoding.toLowerCase() !== 'identity')
    throw new UnreadableSourceError(`${named} is sent compressed (${encoding}), which is not unpacked here`)
  if (response.body === null) return empty()
  return response.body
}

/** The body of an answer as text. Throws UnavailableSourceError when it is longer than `mostBytes`, or breaks off. */
export async function textOf(response: Response, named: string, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let left = mostBytes
  try {
    for await (const chunk of response.body ?? empty()) {
      left -= chunk.length
      if (left < 0) break
      chunks.push(chunk)
    }
  } catch (error) {
    throw new UnavailableSourceError(`${named} broke off while it answered: ${reasonOf(error)}`, true)
  }
  if (left < 0) throw new UnavailableSourceError(`${named} says more than is read of one answer`)
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** What an answer other than success says about the artifact. */
export async function refusalOf(response: Response, named: string): Promise<Error> {
  await response.body?.cancel()
  const { status } = response
  if (status === 404 || status === 410) return new UnreadableSourceError(`there is nothing at ${named}`)
  const why = status === 401 || status === 403 ? 'access is denied' : `it answers with HTTP ${status}`
  return new UnavailableSourceError(`${named} cannot be read: ${why}`, isPassing(status))
}

/** Tells whether a status says that the server is busy or in trouble, rather than that it will not. *Pure.* */
export function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 429
}

/** Why a call failed, in a word or a sentence. *Pure.* */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  return ('code' in cause && typeof cause.code === 'string' ? cause.code : cause.message).slice(0, 300)
}

async function* empty(): AsyncGenerator<Uint8Array> {}
