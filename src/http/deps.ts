import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import type { LifecycleDeps } from '../lifecycle/deps.ts'
import type { Database } from '../store/database.ts'
import type { Outbound } from '../webhooks/guard.ts'
import type { KeyRing } from '../webhooks/secrets.ts'
import type { Queues } from '../workers/queues.ts'

/** What the HTTP side is handed instead of reaching for it. */
export type AppDeps = LifecycleDeps & {
  config: Config
  db: Kysely<Database>
  /** The same database, by connections kept free for finding out who calls, and whether it answers. */
  reserved: Kysely<Database>
  log: FastifyBaseLogger
  queues: Pick<Queues, 'all' | 'ping'>
  /** Where outbound webhooks may lead. */
  outbound: Outbound
  /** What their secrets are sealed with. */
  keys: KeyRing
}

/** Our application: Fastify with zod at its boundary. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>
