import type { FastifyInstance } from 'fastify'
import { nothingHere } from './api/schemas.ts'
import { refuse } from './errors.ts'

/** Answers what is no route: 405 where another method would be one, else 404. */
export function answerUnknown(app: FastifyInstance): void {
  const routes: { pattern: RegExp; methods: string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() })
  })
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const here = routes.filter((route) => route.pattern.test(path))
    const allowed = [...new Set(here.flatMap((route) => route.methods))]
    // A route of many paths that takes the method, such as one for files, has looked for this one itself.
    if (allowed.length === 0 || allowed.includes(request.method))
      return refuse(reply, 404, 'not_found', nothingHere)
    reply.header('allow', allowed.join(', '))
    return refuse(reply, 405, 'method_not_allowed', `This path takes ${allowed.join(' and ')}.`)
  })
}

function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^$()[\]{}|\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/:\w+/g, '[^/]+')
  return new RegExp(`^${source}$`)
}
