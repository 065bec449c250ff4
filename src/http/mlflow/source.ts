// Which sources a version may be registered with (R15). A source is only text here; whoever opens one checks again.
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InvalidInputError } from '../../errors.ts'
import { decodeFully, disguiseIn, pathOf, UnreadableSourceError } from '../../runtimes/source.ts'
import { longest } from '../registration-fields.ts'
import { shown } from './errors.ts'
import { refuseLonger } from './names.ts'

/** What a source that is accepted is: a place to load from, or another version to load instead. */
export type Source = { kind: 'place' } | { kind: 'version'; name: string; version: string }

// Where MLflow's artifact repositories read from.
const schemes = new Set(
  'abfs abfss adls b2 dbfs ftp gs hdfs http https mlflow-artifacts models oss r2 runs s3 s3a sftp viewfs wasb wasbs'.split(
    ' ',
  ),
)
// These name a container or a bucket before the host, where others would name a user.
const withContainer = new Set(['abfs', 'abfss', 'b2', 'r2', 'wasb', 'wasbs'])
// What MLflow's client registers a prompt with, whose text is a tag.
const promptSources = new Set(['dummy-source', 'prompt-template'])

const parts = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)/i

/** The folders for local models, and where links on the way to them lead. */
export async function resolveRoots(roots: string[]): Promise<string[]> {
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => root)))
  return [...new Set([...roots.map((root) => resolve(root)), ...real])]
}

/** Reads a source, with local paths under `roots` only. Throws InvalidInputError in MLflow's words. *Pure.* */
export function readSource(source: string, roots: string[], isPrompt: boolean): Source {
  refuseLonger('source', source, longest.source)
  if (isPrompt && promptSources.has(source)) return { kind: 'place' }
  const scheme = parts.exec(source)?.[1]?.toLowerCase()
  if (scheme === undefined || scheme === 'file') return readLocal(source, roots)
  if (!schemes.has(scheme)) throw refusal(source, `Sources of the kind '${shown(scheme)}:' are not accepted.`)
  const decoded = decodeFully(source)
  const [, , authority = '', path = ''] = parts.exec(decoded) ?? []
  const steps = path.split('/')
  if (disguiseIn(decoded) !== null || !path.startsWith('/') || /^\/+$/.test(path) || steps.includes('.'))
    throw refusal(
      source,
      'If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an ' +
        'absolute path must be provided without relative path references present. Please provide an absolute path.',
    )
  if (withContainer.has(scheme) ? /:.*@|@.*@/.test(authority) : authority.includes('@'))
    throw refusal(source, 'A source must not name a user or a password.')
  return scheme === 'models' ? readModelsUri(source, authority) : { kind: 'place' }
}

function readLocal(source: string, roots: string[]): Source {
  const path = localPath(source)
  const places = roots.map((root) => resolve(root, path))
  if (places.some((place) => roots.some((root) => `${place}/`.startsWith(root === '/' ? root : `${root}/`))))
    return { kind: 'place' }
  throw refusal(
    source,
    'To use a local path as a model version source, it has to be contained within one of the folders that models may ' +
      'be read from (GREENROOM_ARTIFACT_ROOTS).',
  )
}

function localPath(source: string): string {
  try {
    return pathOf(source)
  } catch (error) {
    if (error instanceof UnreadableSourceError)
      throw refusal(source, shown(`It cannot be read: ${error.message}.`))
    throw error
  }
}

/** `models:/<id>` is another server's to resolve, `models:/<name>/<version>` is ours. */
function readModelsUri(source: string, authority: string): Source {
  const [, id, name, version] = /^models:\/+(?:([^/@]+)|([^/]+)\/(\d{1,9}))$/i.exec(source) ?? []
  if (authority === '' && id !== undefined) return { kind: 'place' }
  if (authority === '' && name !== undefined && version !== undefined)
    return { kind: 'version', name, version }
  throw unresolved(
    source,
    'it must be models:/<model id> or models:/<name>/<version>, with the version as a number',
  )
}

/** That a `models:` source leads nowhere. */
export function unresolved(source: string, why: string): InvalidInputError {
  return new InvalidInputError(
    `Unable to fetch model from model URI source artifact location '${shown(source)}'.Error: ${why}`,
  )
}

function refusal(source: string, why: string): InvalidInputError {
  return new InvalidInputError(`Invalid model version source: '${shown(source)}'. ${why}`)
}
