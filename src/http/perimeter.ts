// What holds for every request and every answer, whatever the route: which host may be named, which encodings are
// read, and the headers that keep browsers from doing harm (R11, R22, R31).
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { refuse } from './errors.ts'

/** Nothing but what a page names by hash; a page that needs more says so itself. */
export const strictPolicy = contentPolicy({})

/** A Content-Security-Policy from the strictest one and what a page needs beyond it. *Pure.* */
export function contentPolicy(more: Record<string, string>): string {
  const directives = {
    'default-src': "'none'",
    'base-uri': "'none'",
    'form-action': "'self'",
    'frame-ancestors': "'none'",
    ...more,
  }
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources}`)
    .join('; ')
}

/** Puts the perimeter around all routes. */
export function guardPerimeter(app: FastifyInstance, config: Config): void {
  const headers = headersFor(config)
  const hosts = hostsFor(config)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...headers, 'x-request-id': request.id })
    if (hosts !== null && !hosts.has(hostNameIn(request.host)))
      return refuse(reply, 421, 'unknown_host', 'This server does not answer for the host in the request.')
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
      return refuse(reply, 415, 'unsupported_encoding', 'Send the body without a content encoding.')
    done()
  })
}

function headersFor(config: Config): Record<string, string> {
  return {
    'content-security-policy': strictPolicy,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Not `no-referrer`: browsers would then hide a form's own origin, by which we know it.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
    ...(config.publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000' }),
  }
}

// On a loopback address any web page could reach us through a name of its own that resolves to it.
function hostsFor(config: Config): Set<string> | null {
  if (!/^(localhost|127(\.\d+){3}|::1)$/.test(config.host)) return null
  const own = [config.host, hostNameIn(new URL(config.publicUrl).host)]
  return new Set(['localhost', '127.0.0.1', '[::1]', ...own])
}

/** The name in a Host header without its port, or nothing when it is not of the form. */
function hostNameIn(host: string): string {
  return /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase() ?? ''
}
