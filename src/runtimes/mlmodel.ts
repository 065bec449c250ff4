// The `MLmodel` file that stands at the top of every MLflow model and says what the folder holds.
import { parse } from 'yaml'
import { z } from 'zod'
import { type Artifact, contentOf } from './artifact.ts'
import { UnreadableSourceError } from './source.ts'

const maxBytes = 1024 ** 2

/** A column that a model's signature names, with MLflow's word for its type. */
export type SignatureColumn = { name: string; type: string; required: boolean }

/** What an MLmodel says of its model, as far as it is used. */
export type Description = {
  /** The file of the ONNX graph; null without an onnx flavor. */
  onnx: string | null
  /** It can be loaded with `mlflow.pyfunc`. */
  isPyfunc: boolean
  /** The columns that its signature asks for; null without a signature, or where that asks for tensors. */
  columns: SignatureColumn[] | null
}

const nothing: Description = { onnx: null, isPyfunc: false, columns: null }

const columnSpec = z.object({
  name: z.string(),
  type: z.string(),
  required: z.boolean().default(true),
})
const columnSpecs = z
  .string()
  .transform((text) => JSON.parse(text) as unknown)
  .pipe(z.array(columnSpec).min(1))
const description = z.object({
  flavors: z.object({
    onnx: z.object({ data: z.string() }).optional().catch(undefined),
    python_function: z.looseObject({}).optional().catch(undefined),
  }),
  signature: z.object({ inputs: z.unknown() }).optional().catch(undefined),
})

/**
 * Reads the MLmodel of an artifact whose contents were kept; null when it has none. What cannot be understood counts
 * as not said. Throws UnreadableSourceError when it is too large. *Pure.*
 */
export function readDescription(artifact: Artifact): Description | null {
  if (artifact.kind === 'file' || !artifact.files.some((file) => file.path === 'MLmodel')) return null
  const content = contentOf(artifact, 'MLmodel')
  if (content.length > maxBytes)
    throw new UnreadableSourceError('the MLmodel of the artifact is larger than 1 MiB')
  const { data } = description.safeParse(parsed(content))
  if (data === undefined) return nothing
  return {
    onnx: data.flavors.onnx?.data ?? null,
    isPyfunc: data.flavors.python_function !== undefined,
    columns: columnsIn(data.signature?.inputs),
  }
}

function parsed(content: Uint8Array): unknown {
  try {
    return parse(Buffer.from(content).toString('utf8'), {
      schema: 'core',
      maxAliasCount: 0,
      logLevel: 'error',
    })
  } catch {
    return undefined
  }
}

/** Signatures are JSON inside of the YAML. */
function columnsIn(inputs: unknown): SignatureColumn[] | null {
  try {
    return columnSpecs.parse(inputs)
  } catch {
    return null
  }
}
