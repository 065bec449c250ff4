import type { InferenceSession, Tensor } from 'onnxruntime-web'
import { z } from 'zod'
import { type Engine, webAssembly } from './engine.ts'
import type { OnnxFiles } from './onnx-files.ts'
import { readMetadata } from './onnx-metadata.ts'
import { UnusableModelError } from './unusable.ts'

/** One input of a model: its tensor type, and its shape with null where any size is taken. */
export type ModelInput = { name: string; type: string; shape: (number | null)[] }

/** A loaded model. `features` are the names its author gave to its columns, in their order, or null. */
export type LoadedModel = {
  inputs: ModelInput[]
  features: string[] | null
  engine: Engine
  session: InferenceSession
}

/** A tensor's numbers before they have the type that the model wants; `dims` multiply to their count. */
export type Feed = { input: ModelInput; values: Float64Array; dims: number[] }

/** What a model answers: the numbers of its first numeric output. */
export type Answer = { values: Float64Array; dims: readonly number[] }

/** Under this key of the metadata in an ONNX file stands a JSON list of its feature columns. */
export const featuresKey = 'greenroom.features'

/** A type of numbers: how tensors keep them, and the whole numbers it can hold; null where it takes fractions. */
type NumberType = {
  content(values: Float64Array): Tensor.DataTypeMap[Tensor.Type]
  range: readonly [least: number, most: number] | null
}

const numberTypes: Record<string, NumberType> = {
  float32: { content: (values) => Float32Array.from(values), range: null },
  float64: { content: (values) => values, range: null },
  int32: { content: (values) => Int32Array.from(values), range: [-(2 ** 31), 2 ** 31 - 1] },
  // The largest number below 2 ** 63 that a float64 can be.
  int64: { content: (values) => BigInt64Array.from(values, BigInt), range: [-(2 ** 63), 2 ** 63 - 1024] },
  uint8: { content: (values) => Uint8Array.from(values), range: [0, 255] },
  bool: { content: (values) => Uint8Array.from(values), range: [0, 1] },
}
const outputTypes = new Set(['float32', 'float64', 'int32', 'int64', 'uint8'])

/** Loads an ONNX model; WebAssembly has one thread. Throws UnusableModelError. */
export async function loadModel(
  { model, beside, features }: OnnxFiles,
  engine: Engine = webAssembly,
): Promise<LoadedModel> {
  const { runtime, provider } = engine
  runtime.env.wasm.numThreads = 1
  runtime.env.logLevel = 'fatal'
  const options = {
    executionProviders: [provider],
    externalData: beside,
    logSeverityLevel: 4 as const,
  }
  const session = await blamed('the model does not load', () =>
    runtime.InferenceSession.create(model, options),
  )
  const inputs = session.inputMetadata.map(inputOf)
  return { session, inputs, engine, features: featuresOf(model) ?? namesFor(inputs, features) }
}

/** Runs the model once. Throws UnusableModelError when it does not run or answers without numbers. */
export async function run(model: LoadedModel, feeds: Feed[]): Promise<Answer> {
  const { session, engine } = model
  const output = session.outputMetadata.find((one) => one.isTensor && outputTypes.has(one.type))
  if (output === undefined) throw new UnusableModelError('the model has no numeric output')
  const given = Object.fromEntries(feeds.map((feed) => [feed.input.name, tensorOf(feed, engine)]))
  const answers = await blamed('the model does not run', () => session.run(given, [output.name]))
  const tensor = answers[output.name]
  if (tensor === undefined)
    throw new UnusableModelError(`the model does not answer with its output ${output.name}`)
  return { values: Float64Array.from(tensor.data as Iterable<number>, Number), dims: tensor.dims }
}

function tensorOf({ input, values, dims }: Feed, { runtime }: Engine): Tensor {
  const { content, range } = numberTypeOf(input)
  // Turned into whole numbers they would be others, and the model would answer to those.
  const unfit = range === null ? undefined : values.find((value) => !fits(value, range))
  if (unfit === undefined) return new runtime.Tensor(input.type as Tensor.Type, content(values), dims)
  throw new UnusableModelError(
    `the model's input ${input.name} takes ${input.type}, which cannot be ${unfit}`,
  )
}

/** How an input takes numbers. Throws UnusableModelError when it takes none. *Pure.* */
export function numberTypeOf({ name, type }: Pick<ModelInput, 'name' | 'type'>): NumberType {
  const known = numberTypes[type]
  if (known !== undefined) return known
  throw new UnusableModelError(`the model's input ${name} takes ${type}, which numbers cannot be turned into`)
}

function fits(value: number, [least, most]: readonly [number, number]): boolean {
  return Number.isInteger(value) && value >= least && value <= most
}

function inputOf(input: InferenceSession.ValueMetadata): ModelInput {
  if (!input.isTensor) throw new UnusableModelError(`the model's input ${input.name} is not a tensor`)
  const shape = input.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : null))
  return { name: input.name, type: input.type, shape }
}

/** Names from beside the model count where they can be those of its only input's columns. */
function namesFor([only, ...others]: ModelInput[], features: string[] | null): string[] | null {
  if (only === undefined || others.length > 0) return null
  const [, width = 1] = only.shape
  return width === null || width === features?.length ? features : null
}

const names = z
  .string()
  .transform((text) => JSON.parse(text))
  .pipe(z.array(z.string()).min(1))

function featuresOf(model: Uint8Array): string[] | null {
  const written = readMetadata(model)[featuresKey]
  if (written === undefined) return null
  try {
    return names.parse(written)
  } catch {
    throw new UnusableModelError(`the model's metadata ${featuresKey} is not a JSON list of column names`)
  }
}

/** What ONNX Runtime throws is about the model, since it was given nothing else. */
async function blamed<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    const reason = said
      .replace(/^.*ERROR_MESSAGE: /s, '')
      // Where in its own source it stood: a file and line, and the signature of the function.
      .replace(/^\/\S+:\d+ [^()]*\([^()]*\)(?: const)? /, '')
      .replaceAll(/\s+/g, ' ')
      .slice(0, 300)
    throw new UnusableModelError(`${what}: ${reason}`)
  }
}
