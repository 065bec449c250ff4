// Reading the files of a model version from this machine.
//
// Invariants:
//   F1. Nothing is read that does not lie, links followed, under one of the configured roots (R15).
//   F2. A file is opened once, without following a link, and what was opened is what is checked (R16).
//   F3. The bytes that are hashed are the bytes that are handed on.
import { createHash } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, relative, resolve } from 'node:path'
import { canonicalJson, sha256 } from '../canonical-json.ts'
import { pathOf, UnreadableSourceError } from './source.ts'

/** The largest artifact that is read, in bytes, over all of its files. */
export const maxArtifactBytes = 2 * 1024 ** 3
/** The largest model that is loaded, in bytes, over all of its files. */
export const maxModelBytes = 512 * 1024 ** 2
/** The largest number of files in one artifact. */
export const maxArtifactFiles = 10_000
const chunkBytes = 1024 ** 2

/** One file of an artifact; `path` is relative to the artifact and uses `/`. */
export type ArtifactFile = { path: string; digest: string; content: Uint8Array | null }

/**
 * An artifact that was read once, whole. The digest of a single file is that of its bytes; the digest of a folder is
 * that of the canonical JSON of its `[path, digest]` pairs, sorted by path.
 */
export type Artifact = { kind: 'file' | 'folder'; digest: string; bytes: number; files: ArtifactFile[] }

type Limits = { maxBytes: number; keepContent: boolean; signal?: AbortSignal }

/**
 * Reads the artifact at `source`, from under `roots` only; relative sources are looked for in each root in turn.
 * Throws UnreadableSourceError when it cannot be read as it is, and the signal's reason when it is aborted.
 */
export async function readArtifact(source: string, roots: string[], limits: Limits): Promise<Artifact> {
  const top = await locate(source, roots)
  const isFolder = await explained(source, async () => (await stat(top)).isDirectory())
  const paths = isFolder ? (await listFiles(top, source, limits.signal)).sort() : [basename(top)]
  const files: ArtifactFile[] = []
  let bytes = 0
  for (const path of paths) {
    const real = isFolder ? join(top, path) : top
    const named = isFolder ? `${source}/${path}` : source
    const read = await explained(named, () => readOnce(real, named, bytes, limits))
    bytes += read.bytes
    files.push({ path, digest: read.digest, content: read.content })
  }
  const [only] = files
  if (only === undefined) throw new UnreadableSourceError(`the folder ${source} is empty`)
  const listing = files.map(({ path, digest }) => [path, digest])
  const digest = isFolder ? sha256(canonicalJson(listing)) : only.digest
  return { kind: isFolder ? 'folder' : 'file', digest, bytes, files }
}

/** The content of one of an artifact's files, which must have been kept. *Pure.* */
export function contentOf(artifact: Artifact, path: string): Uint8Array {
  const content = artifact.files.find((file) => file.path === path)?.content
  if (content == null) throw new Error(`the content of ${path} was not kept`)
  return content
}

/** The real path of a source under one of the roots (F1). */
async function locate(source: string, roots: string[]): Promise<string> {
  const path = pathOf(source)
  const realRoots = (await Promise.all(roots.map((root) => realpath(root).catch(() => [])))).flat()
  const places = isAbsolute(path) ? [resolve(path)] : roots.map((root) => resolve(root, path))
  const found = await explained(source, () => firstReal(places))
  const allowed = (place: string) => [...roots, ...realRoots].some((root) => isUnder(place, resolve(root)))
  if (found !== null && realRoots.some((root) => isUnder(found, root))) return found
  // What lies elsewhere gets the same answer whether it exists or not.
  if (found === null && places.some(allowed))
    throw new UnreadableSourceError(`there is no file or folder ${source}`)
  throw new UnreadableSourceError(
    `the source ${source} is outside the folders that models may be read from (GREENROOM_ARTIFACT_ROOTS)`,
  )
}

async function firstReal(places: string[]): Promise<string | null> {
  for (const place of places) {
    const real = await realpath(place).catch((error) => (isMissing(error) ? null : Promise.reject(error)))
    if (real !== null) return real
  }
  return null
}

function isUnder(path: string, root: string): boolean {
  const way = relative(root, path)
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way)
}

/** Every file below a folder, as relative paths; a folder that holds anything else is refused. */
async function listFiles(top: string, source: string, signal?: AbortSignal): Promise<string[]> {
  const files: string[] = []
  const walk = async (folder: string): Promise<void> => {
    signal?.throwIfAborted() // There is no bound on folders without files.
    for (const entry of await readdir(join(top, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (entry.isFile()) files.push(path)
      else
        throw new UnreadableSourceError(`${source}/${path} is ${kindOf(entry)}; only regular files are read`)
      if (files.length > maxArtifactFiles)
        throw new UnreadableSourceError(`${source} holds more than ${maxArtifactFiles} files`)
    }
  }
  await explained(source, () => walk(''))
  return files
}

function kindOf(entry: Dirent): string {
  return entry.isSymbolicLink() ? 'a symbolic link' : 'not a regular file'
}

async function readOnce(
  real: string,
  named: string,
  bytesBefore: number,
  { maxBytes, keepContent, signal }: Limits,
): Promise<{ bytes: number; digest: string; content: Uint8Array | null }> {
  // Non-blocking: a named pipe would otherwise hold up the opening until someone writes to it.
  const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) // F2
  try {
    const size = await checkOpened(file, real, named)
    if (bytesBefore + size > maxBytes)
      throw new UnreadableSourceError(`${named} is too large; all in all ${maxBytes} bytes may be read`)
    const content = keepContent ? Buffer.allocUnsafe(size) : null
    const chunk = Buffer.allocUnsafe(chunkBytes)
    const hash = createHash('sha256')
    for (let bytes = 0; ; ) {
      signal?.throwIfAborted()
      const { bytesRead } = await file.read(chunk, 0, chunkBytes)
      const grown = bytes + bytesRead > size
      if (grown || (bytesRead === 0 && bytes < size))
        throw new UnreadableSourceError(`${named} changed while it was being read`)
      if (bytesRead === 0) return { bytes, digest: `sha256:${hash.digest('hex')}`, content }
      hash.update(chunk.subarray(0, bytesRead)) // F3
      content?.set(chunk.subarray(0, bytesRead), bytes)
      bytes += bytesRead
    }
  } finally {
    await file.close()
  }
}

/** The size of an opened file, which must be a regular one and still the one at the path that was checked (F2). */
async function checkOpened(file: FileHandle, real: string, named: string): Promise<number> {
  const status = await file.stat()
  if (!status.isFile()) throw new UnreadableSourceError(`${named} is not a regular file`)
  // The link knows where the opened file lies even if a folder on the way was swapped; it exists on Linux only.
  const opened = await readlink(`/proc/self/fd/${file.fd}`).catch(() => realpath(real))
  if (opened !== real) throw new UnreadableSourceError(`${named} changed while it was being opened`)
  return status.size
}

const faults: Record<string, string> = {
  EACCES: 'cannot be read: permission denied',
  EPERM: 'cannot be read: permission denied',
  ELOOP: 'leads through a symbolic link that must not be followed',
  ENAMETOOLONG: 'has a name that is too long',
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  ENXIO: 'is not a regular file',
}

/** Turns what the file system says about the artifact itself into a sentence; other faults pass as they are. */
async function explained<T>(named: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const fault = faults[codeOf(error)]
    throw fault === undefined ? error : new UnreadableSourceError(`${named} ${fault}`)
  }
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
