// From a version in the registry to something that predicts: its artifact is fetched, held against the digest that
// was recorded, and loaded into the runtime that fits.

import { resolve } from 'node:path'
import { DigestMismatchError, readThrough } from '../artifacts/cache.ts'
import { fetchArtifact, locate, withArtifact } from '../artifacts/fetch.ts'
import type { Places } from '../artifacts/remote.ts'
import { cacheFolder, trackingFrom } from '../artifacts/settings.ts'
import { InvalidInputError, NotFoundError } from '../errors.ts'
import type { Stage } from '../machines/stages.ts'
import { type Artifact, maxModelBytes, readArtifact } from '../runtimes/artifact.ts'
import type { Rows } from '../runtimes/rows.ts'
import { pathOf } from '../runtimes/source.ts'
import { findInStage, getAliased, getVersion, type Version } from './api.ts'
import type { Connection } from './call.ts'
import { connect, type Options, versionNumber } from './registry.ts'

/** Which version of a model: the newest in a stage, the one of a number, or the one that an alias names. */
export type Which =
  | { stage: Stage; version?: undefined; alias?: undefined }
  | { version: number | string; stage?: undefined; alias?: undefined }
  | { alias: string; stage?: undefined; version?: undefined }

/** A model that is loaded. */
export type Model = {
  name: string
  version: number
  /** The stage in which it was when it was loaded. */
  stage: Stage
  /** Of the artifact that was loaded. */
  digest: string
  /** The registry has recorded this digest. False: it has recorded none, so nothing could be compared. */
  verified: boolean
  /** What computes. */
  runtime: 'onnxruntime-web' | 'onnxruntime-node' | 'mlflow'
  /** The columns that the model asks for, with their types; null where it names none. */
  columns: { name: string; type: string }[] | null
  /**
   * Predicts rows: objects with a value for each column, or arrays of numbers in the order of the columns. Gives one
   * number for each row; from a model that answers with several, those of the first row, then of the second, and so on.
   * Throws InvalidInputError on rows that do not fit, UnusableModelError when the model does not answer as it must.
   */
  predict(rows: Rows): Promise<Float64Array>
  /** Frees what the model holds, and ends the process it may run in. *Idempotent.* */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Loads a version of a model, by default the newest in Production. Throws NotFoundError when no version is in the
 * stage, ApiError and NoAnswerError as the server answers, DigestMismatchError when the artifact is not the one that was
 * recorded, UnreadableSourceError and UnavailableSourceError when it cannot be had, UnusableModelError when it does not
 * load, and OperatorError when something must be installed or set.
 */
export async function loadModel(
  name: string,
  which: Which = { stage: 'Production' },
  options: Options = {},
): Promise<Model> {
  return loadThrough(await connect(options), name, which, options.env ?? process.env)
}

/** {@link loadModel} over a connection that is known. */
export async function loadThrough(
  to: Connection,
  name: string,
  which: Which,
  env: NodeJS.ProcessEnv,
): Promise<Model> {
  const version = await getVersion(to, name, await numberOf(to, name, which))
  const artifact = await bring(version, env)
  // Whoever only asks the registry does not load a runtime.
  const { openRuntime } = await import('./model-runtime.ts')
  const runtime = await openRuntime(artifact, env)
  return {
    name,
    version: version.version,
    stage: version.stage,
    digest: artifact.digest,
    verified: version.digest !== null,
    runtime: runtime.name,
    columns: runtime.columns,
    predict: async (rows) => (await runtime.predict(rows)).values,
    close: runtime.close,
    [Symbol.asyncDispose]: runtime.close,
  }
}

async function numberOf(to: Connection, name: string, which: Which): Promise<number> {
  if (which.version !== undefined) return versionNumber(which.version)
  if (which.alias !== undefined) return getAliased(to, name, which.alias)
  if (which.stage === undefined) throw new InvalidInputError('Say which version: by stage, version or alias.')
  const found = await findInStage(to, name, which.stage)
  if (found !== null) return found
  throw new NotFoundError(`"${name}" has no version in ${which.stage}.`)
}

/** The artifact of a version, its contents kept, with the digest that was recorded where one was. */
async function bring(version: Version, env: NodeJS.ProcessEnv): Promise<Artifact> {
  const { digest } = version
  // It becomes a name in the cache.
  if (digest !== null && !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new InvalidInputError(
      `The digest of version ${version.version} is none: ${JSON.stringify(digest)}.`,
    )
  const source = version.download_uri ?? version.source
  const artifact = await read(source, digest, env)
  if (digest === null || artifact.digest === digest) return artifact
  throw new DigestMismatchError(source, digest, artifact.digest)
}

async function read(source: string, digest: string | null, env: NodeJS.ProcessEnv): Promise<Artifact> {
  // The user may read whatever their system lets them.
  const places: Places = { tracking: trackingFrom(env), permits: () => true }
  const limits = { maxBytes: maxModelBytes, signal: new AbortController().signal }
  const readLocal = (local: string) =>
    readArtifact(resolve(pathOf(local)), ['/'], { maxBytes: maxModelBytes, keepContent: true })
  if (digest === null) return withArtifact(source, places, limits, readLocal)
  const located = await locate(source, places, limits.signal)
  if (located.kind === 'local') return readLocal(located.source)
  return readThrough(cacheFolder(env), { source, digest, maxBytes: maxModelBytes }, (into) =>
    fetchArtifact(located.uri, into, places, limits),
  )
}
