// MLflow's registry REST API. A client that is pointed here finds what it would find at an MLflow server; where the
// two differ on purpose is told in docs/mlflow.md.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AppDeps } from '../deps.ts'
import { maxBodyBytes } from '../json.ts'
import { aliases } from './aliases.ts'
import { createModelVersion } from './create-version.ts'
import type { Endpoint } from './endpoint.ts'
import { modelVersions } from './model-versions.ts'
import { registeredModels } from './registered-models.ts'
import { checkContentType } from './request.ts'
import { search } from './search.ts'
import { resolveRoots } from './source.ts'
import { webhooks } from './webhooks.ts'

/** The release whose registry this answers like. */
const mlflowVersion = '3.17.2'
const prefixes = ['/api', '/ajax-api']

/** Adds the registry under both prefixes that MLflow has, and what its clients ask a server about itself. */
export async function mlflowRoutes(app: FastifyInstance, { deps }: { deps: AppDeps }): Promise<void> {
  const schema = { hide: true }
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: maxBodyBytes },
    async (_: FastifyRequest, body: Buffer) => body,
  )
  app.addHook('onRequest', checkContentType)
  const roots = await resolveRoots(deps.config.artifactRoots)
  const endpoints: Endpoint[] = [
    ...registeredModels(deps),
    ...aliases(deps),
    createModelVersion(deps, roots),
    ...modelVersions(deps),
    ...search(deps),
    ...webhooks(deps),
  ]
  for (const prefix of prefixes) {
    for (const { method, path, access, take } of endpoints)
      app.route({ method, url: `${prefix}/2.0/mlflow${path}`, schema, config: { access }, handler: take })
    app.get(`${prefix}/3.0/mlflow/server-info`, { schema, config: { access: 'viewer' } }, async () => ({
      store_type: 'SqlStore',
      workspaces_enabled: false,
    }))
  }
  app.get('/health', { schema, config: { access: 'public' } }, async () => 'OK')
  app.get('/version', { schema, config: { access: 'public' } }, async () => mlflowVersion)
}
