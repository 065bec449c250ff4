// Aliases that the policy protects: to whoever loads a model by one, it is the gate, so it names what is in Production.
import type { Transaction } from 'kysely'
import type { Policy } from '../policy/policy.ts'
import { listAliasesOf } from '../store/aliases.ts'
import type { Database } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import type { LockedModel } from '../store/models.ts'
import { findIncumbent, loadVersion, type VersionRow } from '../store/versions.ts'
import { dropAlias, pointAlias } from './alias-changes.ts'
import type { LifecycleDeps } from './deps.ts'

/** Whether an alias names only what is in Production. *Pure.* */
export function isProtectedAlias(policy: Policy, model: string, alias: string): boolean {
  const { gate, protectedAliases } = policy.rulesFor(model).rules
  // Whatever its case: two aliases that differ in that alone would be taken for each other.
  const wanted = alias.toLowerCase()
  return gate !== 'none' && protectedAliases.some((name) => name.toLowerCase() === wanted)
}

/**
 * Has the protected aliases of a version that has left Production name its successor: the version that took its place,
 * else the one that came to Production last of those that are there. Where there is none, they are taken away.
 */
export async function passAliasesOn(
  trx: Transaction<Database>,
  model: LockedModel,
  left: VersionRow,
  supersededBy: number | null,
  by: Actor,
  deps: LifecycleDeps,
): Promise<void> {
  const aliases = await listAliasesOf(trx, left)
  const concerned = aliases.filter((alias) => isProtectedAlias(deps.policy, model.name, alias))
  if (concerned.length === 0) return
  const successor = supersededBy ?? (await findIncumbent(trx, model.id))
  const heir = successor === null ? null : await loadVersion(trx, model, successor)
  const reason = `version ${left.version} left Production`
  for (const alias of concerned)
    if (heir === null) await dropAlias(trx, model, alias, left, by, deps, reason)
    else await pointAlias(trx, model, alias, heir, left.version, by, deps, reason)
}
