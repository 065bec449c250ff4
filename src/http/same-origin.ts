// Whether a browser sent a request on behalf of our own pages or of somebody else's (R10).
import type { FastifyRequest } from 'fastify'

/** `own`: from our pages; `foreign`: from another site's; `unknown`: nothing in the request says so. *Pure.* */
export function originOf(request: FastifyRequest, publicUrl: string): 'own' | 'foreign' | 'unknown' {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'own' : 'foreign'
  const { origin } = request.headers
  if (origin === undefined) return 'unknown'
  if (origin === new URL(publicUrl).origin) return 'own'
  return URL.canParse(origin) && new URL(origin).host === request.host ? 'own' : 'foreign'
}
