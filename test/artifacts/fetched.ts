import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { fetchArtifact, locate } from '../../src/artifacts/fetch.ts'
import type { Places } from '../../src/artifacts/remote.ts'
import { readArtifact } from '../../src/runtimes/artifact.ts'

const mebibyte = 1024 ** 2

/** Places from which anything may be fetched, with no tracking server. */
export const anywhere: Places = { tracking: null, permits: () => true }

/** A signal that is never aborted. */
export const patient = (): AbortSignal => new AbortController().signal

/** Fetches a source; gives what came, its files by path. */
export async function fetched(
  source: string,
  places: Places = anywhere,
  limits: { maxBytes?: number; maxFiles?: number; signal?: AbortSignal } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-fetched-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const { signal = patient(), maxBytes = mebibyte, ...more } = limits
  const located = await locate(source, places, signal)
  if (located.kind === 'local') throw new Error(`${source} is on this machine, at ${located.source}`)
  const into = join(folder, 'artifact')
  await fetchArtifact(located.uri, into, places, { maxBytes, signal, ...more })
  const { kind, digest, files } = await readArtifact(into, [folder], {
    maxBytes: mebibyte,
    keepContent: true,
  })
  const texts = files.map(({ path, content }) => [path, Buffer.from(content ?? []).toString()] as const)
  return { kind, digest, files: Object.fromEntries(texts) }
}
