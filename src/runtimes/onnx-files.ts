import { parse } from 'yaml'
import { z } from 'zod'
import type { Artifact } from './artifact.ts'
import { UnreadableSourceError } from './source.ts'

/** An ONNX model's graph and the files beside it, which may hold its weights. */
export type OnnxFiles = { model: Uint8Array; beside: { path: string; data: Uint8Array }[] }

const maxDescriptionBytes = 1024 ** 2
const description = z.object({ flavors: z.object({ onnx: z.object({ data: z.string() }) }) })

/**
 * Finds the ONNX model in an artifact whose contents were kept: the file itself; in an MLflow model the one that its
 * `MLmodel` names; else the only `.onnx` file. Throws UnreadableSourceError when there is none. *Pure.*
 */
export function pickOnnx(artifact: Artifact): OnnxFiles {
  const path = pathOfModel(artifact)
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const beside = artifact.files
    .filter((file) => file.path !== path && file.path.startsWith(folder))
    .map((file) => ({ path: file.path.slice(folder.length), data: contentOf(artifact, file.path) }))
  return { model: contentOf(artifact, path), beside }
}

function pathOfModel(artifact: Artifact): string {
  const [only] = artifact.files
  if (artifact.kind === 'file' && only !== undefined) return only.path
  const paths = artifact.files.map((file) => file.path)
  if (paths.includes('MLmodel')) return pathInDescription(contentOf(artifact, 'MLmodel'), paths)
  const [first, ...others] = paths.filter((path) => path.endsWith('.onnx'))
  if (first !== undefined && others.length === 0) return first
  const found = first === undefined ? 'no .onnx file' : `${others.length + 1} .onnx files`
  throw new UnreadableSourceError(`the folder holds ${found} and no MLmodel that names one`)
}

/** Only a path that the artifact itself lists is taken, so the description cannot lead out of it. */
function pathInDescription(content: Uint8Array, paths: string[]): string {
  if (content.length > maxDescriptionBytes)
    throw new UnreadableSourceError('the MLmodel of the artifact is larger than 1 MiB')
  const named = description.safeParse(parsed(content)).data?.flavors.onnx.data
  if (named === undefined)
    throw new UnreadableSourceError(
      'the MLmodel of the artifact has no onnx flavor; only ONNX models can be loaded here',
    )
  if (paths.includes(named)) return named
  throw new UnreadableSourceError(
    `the MLmodel of the artifact names ${JSON.stringify(named)}, which the folder does not hold`,
  )
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

function contentOf(artifact: Artifact, path: string): Uint8Array {
  const content = artifact.files.find((file) => file.path === path)?.content
  if (content == null) throw new Error(`the content of ${path} was not kept`)
  return content
}
