// What the registry knows of models and versions, for programs; the API's words in the spelling of TypeScript.
import { InvalidInputError } from '../errors.ts'
import type { Stage } from '../machines/stages.ts'
import { eachVersion, findInStage, getModel, getVersion, listModels, type Version } from './api.ts'
import type { Connection } from './call.ts'
import { type GivenSettings, readSettings } from './settings.ts'

/** Where the server is and who calls; what is left out is taken from `env`. */
export type Options = GivenSettings & {
  /** Variables such as GREENROOM_URL and GREENROOM_TOKEN; `process.env` when left out. */
  env?: NodeJS.ProcessEnv | undefined
}

/** One version with what it was made from. */
export type VersionInfo = {
  name: string
  version: number
  currentStage: Stage
  /** The finer state inside the stage, such as `awaitingApproval`. */
  state: string
  runId: string | null
  source: string
  /** Of the artifact, `sha256:<hex>`; null while no check has read it and none was declared. */
  digest: string | null
  description: string | null
  tags: Record<string, string>
  /** The data it was trained on, as its tag `dataset` says. */
  dataset: string | null
  metrics: Record<string, number>
  author: string | null
  registeredBy: string
  createdAt: Date
  updatedAt: Date
}

/** A version in a model's list. */
export type VersionSummary = Pick<
  VersionInfo,
  'version' | 'state' | 'digest' | 'metrics' | 'author' | 'createdAt' | 'updatedAt'
> & { stage: Stage }

/** A model with all of its versions, newest first. */
export type ModelInfo = {
  name: string
  description: string | null
  createdAt: Date
  updatedAt: Date
  versions: VersionSummary[]
}

/** The names of the registered models, in their order. */
export async function listRegisteredModels(options: Options = {}): Promise<string[]> {
  return (await listModels(await connect(options))).map(({ name }) => name)
}

/** The number of the newest version of a model in a stage; null when none is there. */
export async function getModelVersion(
  name: string,
  { stage }: { stage: Stage },
  options: Options = {},
): Promise<number | null> {
  return findInStage(await connect(options), name, stage)
}

/** One version of a model, or the model with all of its versions. */
export function getModelInfo(
  name: string,
  which: { version: number | string },
  options?: Options,
): Promise<VersionInfo>
export function getModelInfo(
  name: string,
  which?: { version?: undefined },
  options?: Options,
): Promise<ModelInfo>
export async function getModelInfo(
  name: string,
  { version }: { version?: number | string | undefined } = {},
  options: Options = {},
): Promise<VersionInfo | ModelInfo> {
  const to = await connect(options)
  return version === undefined
    ? describeModel(to, name)
    : describeVersion(await getVersion(to, name, versionNumber(version)))
}

/** The connection that options ask for. Throws OperatorError. */
export function connect({ env = process.env, ...given }: Options): Promise<Connection> {
  return readSettings(env, given, null)
}

/** A version's number, which programs may hold as text. Throws InvalidInputError. *Pure.* */
export function versionNumber(given: number | string): number {
  const number = /^[1-9]\d{0,9}$/.test(String(given)) ? Number(given) : Number.NaN
  if (number < 2 ** 31) return number
  throw new InvalidInputError(
    `${JSON.stringify(given)} is no version; versions are whole numbers from 1 on, such as 3.`,
  )
}

async function describeModel(to: Connection, name: string): Promise<ModelInfo> {
  const { description, created_at, updated_at } = await getModel(to, name, { limit: 1 })
  const versions: VersionSummary[] = []
  for await (const { version, stage, state, digest, metrics, author, ...times } of eachVersion(to, name))
    versions.push({ version, stage, state, digest, metrics, author, ...datesOf(times) })
  return { name, description, ...datesOf({ created_at, updated_at }), versions }
}

function describeVersion(version: Version): VersionInfo {
  const { name, state, source, digest, description, tags, metrics, author } = version
  return {
    name,
    version: version.version,
    currentStage: version.stage,
    state,
    runId: version.run_id,
    source,
    digest,
    description,
    tags,
    dataset: version.dataset,
    metrics,
    author,
    registeredBy: version.registered_by,
    ...datesOf(version),
  }
}

function datesOf({ created_at, updated_at }: { created_at: string; updated_at: string }) {
  return { createdAt: new Date(created_at), updatedAt: new Date(updated_at) }
}
