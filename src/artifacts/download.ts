// Writing what a place hands out to this machine's disk.
//
// Invariants:
//   D1. Nothing is written but below `into`, whatever the place says that its files are called (R17).
//   D2. No more files and bytes are written than the limits allow, however much the place says there is.
//   D3. No file is written twice, and none is followed: each is new.
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { maxArtifactFiles } from '../runtimes/artifact.ts'
import { UnreadableSourceError } from '../runtimes/source.ts'
import { type RemoteArtifact, reasonOf, UnavailableSourceError } from './remote.ts'

const maxPathLength = 1_024

/** How much may be written. */
export type DownloadLimits = { maxBytes: number; maxFiles?: number; signal: AbortSignal }

/**
 * Writes an artifact to `into`, which must not exist: a file becomes one, a folder one. Throws UnreadableSourceError
 * when it goes past the limits or names a file that cannot be, UnavailableSourceError when it breaks off, and the
 * signal's reason. What was written until then stays.
 */
export async function download(
  artifact: RemoteArtifact,
  into: string,
  limits: DownloadLimits,
): Promise<void> {
  const budget = { bytes: limits.maxBytes, files: limits.maxFiles ?? maxArtifactFiles }
  if (artifact.kind === 'file') return write(await artifact.read(), into, budget, limits.signal)
  await mkdir(into, { mode: 0o700 })
  for await (const { path, read } of artifact.files) {
    budget.files -= 1
    if (budget.files < 0)
      throw new UnreadableSourceError(
        `the artifact has more than ${limits.maxFiles ?? maxArtifactFiles} files`,
      ) // D2
    const place = join(into, checked(path)) // D1
    await mkdir(dirname(place), { recursive: true, mode: 0o700 }).catch(explainName(path))
    await write(await read(), place, budget, limits.signal).catch(explainName(path))
  }
}

/** A path that stays inside of the folder that it is joined to (D1). *Pure.* */
function checked(path: string): string {
  const isSound =
    path.length <= maxPathLength &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    !/[\0-\x1f\x7f\\]/.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (isSound) return path
  throw misnamed(path)
}

function misnamed(path: string): UnreadableSourceError {
  return new UnreadableSourceError(`the artifact has a file named ${JSON.stringify(path.slice(0, 200))}`)
}

async function write(
  content: AsyncIterable<Uint8Array>,
  place: string,
  budget: { bytes: number },
  signal: AbortSignal,
): Promise<void> {
  const file = await open(place, 'wx', 0o600) // D3
  try {
    for await (const chunk of unbroken(content, signal)) {
      budget.bytes -= chunk.length
      if (budget.bytes < 0)
        throw new UnreadableSourceError('the artifact is larger than what is read from here') // D2
      await file.writeFile(chunk)
    }
  } finally {
    await file.close()
  }
}

/** The chunks, until the signal is aborted; what their source throws is about it. */
async function* unbroken(
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of content) {
      signal.throwIfAborted()
      yield chunk
    }
  } catch (error) {
    signal.throwIfAborted()
    throw new UnavailableSourceError(`the artifact broke off while it was read: ${reasonOf(error)}`, true)
  }
}

const clashes = new Set(['EEXIST', 'ENOTDIR', 'EISDIR'])

/** Two names of one file, and a name that no disk takes: the artifact's fault, not the disk's. */
function explainName(path: string): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENAMETOOLONG') throw misnamed(path)
    throw clashes.has(code)
      ? new UnreadableSourceError(`the artifact has ${JSON.stringify(path)} more than once`)
      : error
  }
}
