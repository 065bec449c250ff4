import type { Authenticator } from '../authentication.ts'
import type { App, AppDeps } from '../deps.ts'
import { approvalRoutes } from './approvals.ts'
import { modelRoutes } from './models.ts'
import { tokenRoutes } from './tokens.ts'
import { versionRoutes } from './versions.ts'
import { webhookDeliveryRoutes } from './webhooks.ts'

/** Adds the API; to be registered under its prefix. */
export async function apiRoutes(
  app: App,
  { deps, authenticator }: { deps: AppDeps; authenticator: Authenticator },
): Promise<void> {
  modelRoutes(app, deps)
  versionRoutes(app, deps)
  approvalRoutes(app, deps)
  tokenRoutes(app, deps, authenticator)
  webhookDeliveryRoutes(app, deps)
}
