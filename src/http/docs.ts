import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { declareAccess } from './access.ts'
import type { App } from './deps.ts'
import { contentPolicy } from './perimeter.ts'

const policy = contentPolicy({
  'script-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
})

const info = {
  title: 'Greenroom',
  version: '1',
  description:
    'A model registry with a promotion workflow. Every call needs a token with a role: `viewer`, `registrar`, ' +
    '`approver` or `admin`. Every error has the shape `{ error: { code, message, requestId } }`.',
}

const describing: Parameters<typeof createJsonSchemaTransform>[0] = {
  zodToJsonConfig: {
    // What says no more than that numbers are numbers and times are times.
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
    },
  },
}
const describeRoute = createJsonSchemaTransform(describing)
const describeShapes = createJsonSchemaTransformObject(describing)
type Described = ReturnType<typeof describeShapes>

/** Collects the routes that come after it into the OpenAPI document; to be awaited before they are added. */
export async function collectDocs(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info,
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transformObject: (document) => freeBodies(dropInputs(describeShapes(document))),
    transform: (document) => {
      const { schema = {}, url } = describeRoute(document)
      const access = document.route.config?.access ?? 'public'
      // What verifies its own signature, and what probes and browsers ask for, is no part of the API.
      if (access === 'public' || access === 'signed') return { schema: { ...schema, hide: true }, url }
      const needs = `Needs the role ${[access].flat().join(' or ')}.`
      return { schema: { ...schema, description: `${schema.description ?? ''} ${needs}`.trim() }, url }
    },
  })
}

/** Adds the OpenAPI document and the page that shows it. */
export async function docsRoutes(app: App): Promise<void> {
  app.get('/api/v1/openapi.json', { config: { access: 'viewer' }, schema: { hide: true } }, async () =>
    app.swagger(),
  )
  await app.register(async (scope) => {
    declareAccess(scope, () => 'viewer')
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: policy,
      uiConfig: { url: '/api/v1/openapi.json', validatorUrl: null, deepLinking: true, layout: 'BaseLayout' },
      theme: { title: 'Greenroom API' },
    })
  })
}

// A body of which nothing is required may be left out, which the document would deny.
function freeBodies(document: Described): Described {
  const { paths = {} } = document as { paths?: Record<string, Record<string, { requestBody?: Body }>> }
  for (const { requestBody } of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    const required = requestBody?.content['application/json']?.schema.required ?? []
    if (requestBody !== undefined && required.length === 0) requestBody.required = false
  }
  return document
}

type Body = { required?: boolean; content: Record<string, { schema: { required?: string[] } }> }

// Every named shape comes twice, the second time as an input; none of them is one.
function dropInputs(document: Described): Described {
  const { components } = document as { components?: { schemas?: object } }
  const kept = Object.entries(components?.schemas ?? {}).filter(([name]) => !name.endsWith('Input'))
  return { ...document, components: { ...components, schemas: Object.fromEntries(kept) } } as Described
}
