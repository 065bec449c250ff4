import type { Migration } from 'kysely/migration'
import { initial } from './0001-initial.ts'
import { registry } from './0002-registry.ts'
import { names } from './0003-names.ts'
import { webhooks } from './0004-webhooks.ts'
import { indexes } from './0005-indexes.ts'
import { production } from './0006-production.ts'
import { arrivals } from './0007-arrivals.ts'

/** All migrations by name, applied in the order of their names. */
export const migrations: Record<string, Migration> = {
  '0001-initial': initial,
  '0002-registry': registry,
  '0003-names': names,
  '0004-webhooks': webhooks,
  '0005-indexes': indexes,
  '0006-production': production,
  '0007-arrivals': arrivals,
}
