import { type Artifact, contentOf } from './artifact.ts'
import { type Description, readDescription } from './mlmodel.ts'
import { UnreadableSourceError } from './source.ts'

/**
 * An ONNX model's graph and the files beside it, which may hold its weights. `features` are the names that its
 * MLmodel gives to its columns, in their order, or null.
 */
export type OnnxFiles = {
  model: Uint8Array
  beside: { path: string; data: Uint8Array }[]
  features: string[] | null
}

/**
 * Finds the ONNX model in an artifact whose contents were kept: the file itself; in an MLflow model the one that its
 * `MLmodel` names; else the only `.onnx` file. Throws UnreadableSourceError when there is none. *Pure.*
 */
export function pickOnnx(artifact: Artifact): OnnxFiles {
  const description = readDescription(artifact)
  const path = pathOfModel(artifact, description)
  const model = contentOf(artifact, path)
  refuseArchive(model, path)
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const beside = artifact.files
    .filter((file) => file.path !== path && file.path.startsWith(folder))
    .map((file) => ({ path: file.path.slice(folder.length), data: contentOf(artifact, file.path) }))
  return { model, beside, features: description?.columns?.map(({ name }) => name) ?? null }
}

function pathOfModel(artifact: Artifact, description: Description | null): string {
  const [only] = artifact.files
  if (artifact.kind === 'file' && only !== undefined) return only.path
  const paths = artifact.files.map((file) => file.path)
  if (description !== null) return pathInDescription(description, paths)
  const [first, ...others] = paths.filter((path) => path.endsWith('.onnx'))
  if (first !== undefined && others.length === 0) return first
  const found = first === undefined ? 'no .onnx file' : `${others.length + 1} .onnx files`
  throw new UnreadableSourceError(`the folder holds ${found} and no MLmodel that names one`)
}

/** Only a path that the artifact itself lists is taken, so the description cannot lead out of it. */
function pathInDescription({ onnx }: Description, paths: string[]): string {
  if (onnx === null)
    throw new UnreadableSourceError(
      'the MLmodel of the artifact has no onnx flavor; only ONNX models can be loaded here',
    )
  if (paths.includes(onnx)) return onnx
  throw new UnreadableSourceError(
    `the MLmodel of the artifact names ${JSON.stringify(onnx)}, which the folder does not hold`,
  )
}

const archives = { zip: [0x50, 0x4b, 0x03, 0x04], gzip: [0x1f, 0x8b], xz: [0xfd, 0x37, 0x7a, 0x58] }

/** Archives are not unpacked, so none can be a bomb (R17); an ONNX file begins like none of them. */
function refuseArchive(content: Uint8Array, path: string): void {
  for (const [kind, beginning] of Object.entries(archives))
    if (beginning.every((byte, index) => content[index] === byte))
      throw new UnreadableSourceError(
        `${path} is a ${kind} archive, which is not unpacked here; register the folder or the file in it`,
      )
}
