// An MLflow tracking server: where runs and logged models have their artifacts, and those that it hands out itself.
import { z } from 'zod'
import { loggedModelIn } from '../logged-model.ts'
import { maxArtifactFiles } from '../runtimes/artifact.ts'
import { UnreadableSourceError, UnsupportedSourceError } from '../runtimes/source.ts'
import {
  contentOf,
  folderOf,
  type Places,
  type RemoteArtifact,
  type RemoteFile,
  refusalOf,
  request,
  textOf,
  UnavailableSourceError,
} from './remote.ts'

/** How to reach a tracking server. `url` has no slash at its end; `authorization` is sent to it alone. */
export type Tracking = { url: string; authorization: string | null }

/** How long one answer may take to arrive whole, and how large it may be. */
type AnswerLimits = { waitMs: number; mostBytes: number }

// A run can have thousands of parameters and metrics, and a folder thousands of files.
const answerLimits: AnswerLimits = { waitMs: 10_000, mostBytes: 16 * 1024 ** 2 }
// The server may have to collect it from a bucket, page by page.
const listingLimits: AnswerLimits = { ...answerLimits, waitMs: 60_000 }
const mostModelsOfRun = 20
const mostDatasets = 20
// The prefix of all of its routes below the address that clients are given.
const api = '/api/2.0'

const model = z.object({
  model: z.object({
    info: z.object({
      name: z.string().optional(),
      artifact_uri: z.string(),
      // Empty of a model that was logged outside any run.
      source_run_id: z
        .string()
        .regex(/^[\w-]{1,256}$/)
        .nullable()
        .catch(null),
    }),
  }),
})
const run = z.object({
  run: z.object({
    info: z.object({ artifact_uri: z.string() }),
    outputs: z.object({ model_outputs: z.array(z.object({ model_id: z.string() })).default([]) }).optional(),
  }),
})
const inputs = z.object({
  run: z.object({
    inputs: z
      .object({
        dataset_inputs: z
          .array(z.object({ dataset: z.object({ name: z.string(), digest: z.string() }) }))
          .default([]),
      })
      .optional(),
  }),
})
const listing = z.object({
  files: z.array(z.object({ path: z.string(), is_dir: z.boolean().default(false) })).default([]),
})

/** Tells whether a source names what only a tracking server knows the place of. *Pure.* */
export function isTracked(scheme: string | null): boolean {
  return scheme === 'models' || scheme === 'runs'
}

/**
 * Where the artifact of a `models:/m-<id>` or `runs:/<run>/<path>` source is. Throws UnreadableSourceError when the
 * server knows none, UnavailableSourceError when it does not answer.
 */
export async function askTracking(source: string, tracking: Tracking, signal: AbortSignal): Promise<string> {
  const modelId = loggedModelIn(source)
  if (modelId !== null) return (await findModel(tracking, modelId, signal)).artifact_uri
  const [, runId, path = ''] = /^runs:\/+([\w-]+)(?:\/(.*))?$/i.exec(source) ?? []
  if (runId !== undefined) return findInRun(tracking, runId, path, signal)
  throw new UnsupportedSourceError(
    `the source ${source} names neither a logged model, as models:/m-… does, nor a part of a run; ` +
      'register the address of the artifact itself',
  )
}

/**
 * The run that logged a model. Null when none did, or the server knows no such model. Throws UnavailableSourceError
 * when the server does not answer.
 */
export async function readRun(
  tracking: Tracking,
  modelId: string,
  signal: AbortSignal,
): Promise<string | null> {
  return orNull(async () => (await findModel(tracking, modelId, signal)).source_run_id)
}

/**
 * What a run says it was trained on: the datasets it logged as inputs, by name and digest. Null when it names none, or
 * the server knows no such run. Throws UnavailableSourceError when the server does not answer within the limits.
 */
export async function readDatasets(
  tracking: Tracking,
  runId: string,
  signal: AbortSignal,
  limits = answerLimits,
): Promise<string | null> {
  const route = `mlflow/runs/get?run_id=${encodeURIComponent(runId)}`
  return orNull(async () => {
    const { run } = await ask(tracking, route, inputs, signal, limits)
    const named = run.inputs?.dataset_inputs.map(({ dataset }) => `${dataset.name} (${dataset.digest})`) ?? []
    return named.length === 0 ? null : [...new Set(named)].slice(0, mostDatasets).join(', ')
  })
}

/** What is read of something; null where the server does not have it. */
async function orNull(read: () => Promise<string | null>): Promise<string | null> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof UnreadableSourceError) return null
    throw error
  }
}

async function findInRun(
  tracking: Tracking,
  runId: string,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const answer = await ask(tracking, `mlflow/runs/get?run_id=${encodeURIComponent(runId)}`, run, signal)
  const { info, outputs } = answer.run
  // Since MLflow 3 a model is no longer among the artifacts of the run that logged it.
  for (const { model_id } of outputs?.model_outputs.slice(0, mostModelsOfRun) ?? []) {
    const logged = await findModel(tracking, model_id, signal)
    if (logged.name === path) return logged.artifact_uri
  }
  return path === '' ? info.artifact_uri : `${info.artifact_uri.replace(/\/+$/, '')}/${path}`
}

async function findModel(tracking: Tracking, id: string, signal: AbortSignal) {
  return (await ask(tracking, `mlflow/logged-models/${encodeURIComponent(id)}`, model, signal)).model.info
}

/** The artifacts below an `mlflow-artifacts:` address, which the tracking server hands out. */
export async function openTracked(
  uri: string,
  { tracking }: Places,
  signal: AbortSignal,
): Promise<RemoteArtifact> {
  if (tracking === null) throw noTracking('mlflow-artifacts')
  const path = pathIn(uri, tracking)
  const listed = await folderOf(listFiles(tracking, path, '', signal, { folders: maxArtifactFiles }))
  if (listed !== null) return listed
  const content = await readFile(tracking, path, signal)
  return { kind: 'file', read: async () => content }
}

/** That there is no tracking server to ask. *Pure.* */
export function noTracking(scheme: string): UnsupportedSourceError {
  return new UnsupportedSourceError(
    `${scheme}: sources are looked up at an MLflow tracking server; set MLFLOW_TRACKING_URI to its http: or https: address`,
  )
}

/** An address with a host must name the very server that we are told to trust. */
function pathIn(uri: string, { url }: Tracking): string {
  const [, host, path = ''] = /^mlflow-artifacts:(?:\/\/([^/]*))?\/*(.*)$/i.exec(uri) ?? []
  if (host && host !== new URL(url).host)
    throw new UnsupportedSourceError(`the source ${uri} is of another server than MLFLOW_TRACKING_URI names`)
  return path.replace(/\/+$/, '')
}

async function* listFiles(
  tracking: Tracking,
  top: string,
  folder: string,
  signal: AbortSignal,
  budget: { folders: number },
): AsyncGenerator<RemoteFile, void> {
  budget.folders -= 1
  if (budget.folders < 0)
    throw new UnreadableSourceError(`mlflow-artifacts:/${top} has more folders than are read from here`)
  const route = `mlflow-artifacts/artifacts?path=${encodeURIComponent(joined(top, folder))}`
  const { files } = await ask(tracking, route, listing, signal, listingLimits)
  for (const file of files) {
    // The last part of it is what the entry is called, however much of its path the server says.
    const path = joined(folder, file.path.split('/').at(-1) || '.')
    if (file.is_dir) yield* listFiles(tracking, top, path, signal, budget)
    else yield { path, read: () => readFile(tracking, joined(top, path), signal) }
  }
}

function joined(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('/')
}

async function readFile(
  tracking: Tracking,
  path: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  const response = await send(tracking, `mlflow-artifacts/artifacts/${encoded}`, signal)
  return contentOf(response, `mlflow-artifacts:/${path}`)
}

async function ask<T>(
  tracking: Tracking,
  route: string,
  shape: z.ZodType<T>,
  signal: AbortSignal,
  { waitMs, mostBytes } = answerLimits,
): Promise<T> {
  const named = `${tracking.url}${api}/${route}`
  const late = AbortSignal.timeout(waitMs)
  try {
    const response = await send(tracking, route, AbortSignal.any([signal, late]))
    if (!response.ok) throw await refusalOf(response, named)
    const answer = shape.safeParse(parsed(await textOf(response, named, mostBytes)))
    if (answer.success) return answer.data
  } catch (error) {
    signal.throwIfAborted()
    if (late.aborted)
      throw new UnavailableSourceError(`${named} does not answer within ${waitMs / 1_000} s`, true)
    throw error
  }
  throw new UnavailableSourceError(`${named} does not answer as an MLflow tracking server does`)
}

/** What a text of JSON says; undefined where it is none. *Pure.* */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function send({ url, authorization }: Tracking, route: string, signal: AbortSignal): Promise<Response> {
  const headers = { 'accept-encoding': 'identity', ...(authorization !== null && { authorization }) }
  return request(`${url}${api}/${route}`, headers, signal)
}
