// Fetched artifacts, kept by their digest: `<folder>/sha256-<hex>` is a file or a folder, as the artifact is.
//
// Invariants:
//   K1. An entry appears whole, by a rename of what was fetched and found to have its digest, and goes by a rename.
//   K2. What is handed on was hashed as it was read, and has the digest that was asked for; the cache is not trusted.
//   K3. Any number of processes may do any of this at once.
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Artifact, readArtifact } from '../runtimes/artifact.ts'
import { UnreadableSourceError } from '../runtimes/source.ts'
import { removeLeftovers } from './leftovers.ts'

/** The artifact is not the one that was recorded: its digest is another one. */
export class DigestMismatchError extends Error {
  override name = 'DigestMismatchError'
  readonly recorded: string
  readonly found: string
  constructor(source: string, recorded: string, found: string) {
    super(
      `${source} has digest ${found}, not ${recorded} as recorded; it is not what was validated and is not loaded`,
    )
    this.recorded = recorded
    this.found = found
  }
}

/** An artifact that somebody wants: where it is from, what its digest must be, and how large it may be. */
export type Wanted = { source: string; digest: string; maxBytes: number }

/** Brings an artifact to a path that does not exist yet. */
export type Fetch = (into: string) => Promise<void>

const staleMs = 24 * 3_600_000
const unfinished = 'fetching-'

/**
 * The artifact that is wanted, its contents kept: from the cache in `folder`, else fetched, and then cached. Throws what
 * `fetch` throws, and DigestMismatchError when that brings something else.
 */
export async function readThrough(folder: string, wanted: Wanted, fetch: Fetch): Promise<Artifact> {
  const entry = join(folder, wanted.digest.replace(':', '-'))
  return (await readEntry(folder, entry, wanted)) ?? (await fill(folder, entry, wanted, fetch))
}

/** What an entry holds; null when it is not there, or is no longer what it was, which removes it. */
async function readEntry(folder: string, entry: string, wanted: Wanted): Promise<Artifact | null> {
  if ((await stat(entry).catch(() => null)) === null) return null
  const found = await read(entry, wanted).catch((error) => {
    if (error instanceof UnreadableSourceError) return null
    throw error
  })
  if (found?.digest === wanted.digest) return found // K2
  // Somebody else may have put a sound one there meanwhile (K3); that one is fetched again, which does no harm.
  const aside = await mkdtemp(join(folder, unfinished))
  await rename(entry, join(aside, 'artifact')).catch(() => {}) // K1
  await rm(aside, { recursive: true, force: true })
  return null
}

async function fill(folder: string, entry: string, wanted: Wanted, fetch: Fetch): Promise<Artifact> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeLeftovers(folder, unfinished, staleMs)
  const own = await mkdtemp(join(folder, unfinished))
  try {
    const place = join(own, 'artifact')
    await fetch(place)
    const fetched = await read(place, wanted)
    if (fetched.digest !== wanted.digest)
      throw new DigestMismatchError(wanted.source, wanted.digest, fetched.digest) // K2
    await rename(place, entry).catch(() => {}) // K1; where it fails, somebody was faster (K3).
    return fetched
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

function read(place: string, { maxBytes }: Wanted): Promise<Artifact> {
  return readArtifact(place, [join(place, '..')], { maxBytes, keepContent: true })
}
