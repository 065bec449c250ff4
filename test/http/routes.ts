import type { App } from '../../src/http/deps.ts'

/** One route of an application, its parameters filled in with something harmless. */
export type Route = { method: string; path: string }

/** Every route that an application has, read from the tree that its router prints. */
export function routesOf(app: App): Route[] {
  const open: string[] = []
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, segment, methods] = /^([\s│]*)[├└]── (\S+) \(([A-Z, ]+)\)/.exec(line) ?? []
      if (indent === undefined || segment === undefined || methods === undefined) return []
      open.splice(indent.length / 4, open.length, segment)
      const path = open.join('').replace(/:\w+/g, '1').replace('*', 'none')
      return methods.split(', ').map((method) => ({ method, path }))
    })
}
