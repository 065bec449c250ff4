// From a version's source to files on this machine. To add a kind of place, write its file and name it here.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  refuseDisguise,
  schemeOf,
  UnreadableSourceError,
  UnsupportedSourceError,
} from '../runtimes/source.ts'
import { type DownloadLimits, download } from './download.ts'
import { openHttp } from './http.ts'
import { removeLeftovers } from './leftovers.ts'
import { type Place, type Places, shown } from './remote.ts'
import { openS3 } from './s3.ts'
import { askTracking, isTracked, noTracking, openTracked } from './tracking-server.ts'

const kinds: Record<string, Place> = {
  http: openHttp,
  https: openHttp,
  s3: openS3,
  'mlflow-artifacts': openTracked,
}

const temporary = 'greenroom-artifact-'
// A check may take 24 hours to fetch an artifact, and as long to use it.
const staleMs = 3 * 24 * 3_600_000

/** Where an artifact turned out to be: on this machine, or at an address from which it may be fetched. */
export type Located = { kind: 'local'; source: string } | { kind: 'remote'; uri: string }

/**
 * Finds out where the artifact of a source is; asks the tracking server about runs and logged models. Throws
 * UnsupportedSourceError on places that are not read from here, UnreadableSourceError on a source that leads elsewhere
 * than it seems (R15) or to nothing, UnavailableSourceError when the tracking server does not answer.
 */
export async function locate(source: string, places: Places, signal: AbortSignal): Promise<Located> {
  const named = schemeOf(source)
  if (!isTracked(named)) return placed(source, places)
  refuseDisguise(source)
  if (places.tracking === null) throw noTracking(named ?? '')
  return placed(await askTracking(source, places.tracking, signal), places)
}

function placed(source: string, places: Places): Located {
  const scheme = schemeOf(source)
  // Another scheme is refused where local sources are read.
  if (scheme === null || !Object.hasOwn(kinds, scheme)) return { kind: 'local', source }
  refuseDisguise(source)
  const uri = normalized(source, scheme)
  if (places.permits(uri)) return { kind: 'remote', uri }
  throw new UnsupportedSourceError(
    `the source ${shown(source)} is not among the places that models may be read from ` +
      '(GREENROOM_ARTIFACT_URLS); add its place, or take the checks that read the artifact out of the policy of this model',
  )
}

/** An address in the one form in which it is permitted and called. */
function normalized(source: string, scheme: string): string {
  if (!URL.canParse(source))
    throw new UnreadableSourceError(`the source ${JSON.stringify(shown(source))} is not a URL`)
  const url = new URL(source)
  if (url.username !== '' || url.password !== '')
    throw new UnreadableSourceError(`the source ${scheme}://…@${url.host} must not hold a user or a password`)
  return scheme.startsWith('http') ? url.href : source.replace(/^[^:]+/, scheme)
}

/**
 * Fetches the artifact at a permitted address to `into`, which must not exist; it becomes a file or a folder there.
 * Throws as {@link Place} and {@link download} do.
 */
export async function fetchArtifact(
  uri: string,
  into: string,
  places: Places,
  limits: DownloadLimits,
): Promise<void> {
  const open = kinds[schemeOf(uri) ?? '']
  if (open === undefined) throw new Error(`${uri} was not located`)
  const over = new AbortController()
  const signal = AbortSignal.any([limits.signal, over.signal])
  try {
    await download(await open(uri, places, signal), into, { ...limits, signal })
  } finally {
    over.abort() // An answer that was not read to its end would keep its connection.
  }
}

/**
 * Hands `use` a source on this machine for the artifact of any source, and the folders that it may be read from beside
 * those that local ones may: a local source as it is; a remote one fetched, and removed again afterwards. Throws as
 * {@link locate} and {@link fetchArtifact} do.
 */
export async function withArtifact<T>(
  source: string,
  places: Places,
  limits: DownloadLimits,
  use: (source: string, roots: string[]) => Promise<T>,
): Promise<T> {
  const located = await locate(source, places, limits.signal)
  if (located.kind === 'local') return use(located.source, [])
  await removeLeftovers(tmpdir(), temporary, staleMs)
  const folder = await mkdtemp(join(tmpdir(), temporary))
  try {
    const place = join(folder, 'artifact')
    await fetchArtifact(located.uri, place, places, limits)
    return await use(place, [folder])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
