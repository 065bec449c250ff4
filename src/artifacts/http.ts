import { UnreadableSourceError } from '../runtimes/source.ts'
import {
  contentOf,
  type Places,
  type RemoteArtifact,
  request,
  shown,
  UnavailableSourceError,
} from './remote.ts'

const mostHops = 5

/** One file at an `http:` or `https:` address. Redirections are followed to permitted addresses only (R13). */
export async function openHttp(uri: string, places: Places, signal: AbortSignal): Promise<RemoteArtifact> {
  let url = uri
  for (let hop = 0; hop <= mostHops; hop += 1) {
    const response = await request(url, { 'accept-encoding': 'identity' }, signal)
    const next = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || next === null) {
      const content = await contentOf(response, shown(url))
      return { kind: 'file', read: async () => content }
    }
    await response.body?.cancel()
    url = addressFrom(next, url)
    if (!places.permits(url))
      throw new UnreadableSourceError(`${shown(uri)} leads to ${shown(url)}, which may not be read from here`)
  }
  throw new UnavailableSourceError(`${shown(uri)} leads from one address to the next without an end`)
}

function addressFrom(next: string, from: string): string {
  if (URL.canParse(next, from)) {
    const url = new URL(next, from)
    if (['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '')
      return url.href
  }
  throw new UnreadableSourceError(`${shown(from)} leads to an address that is not one of HTTP`)
}
