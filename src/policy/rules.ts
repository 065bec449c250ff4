import { resolve } from 'node:path'
import { canonicalJson, sha256 } from '../canonical-json.ts'
import { canonicalName } from './people.ts'
import type { ApprovalRules, CheckRule, ModelPolicy, Person, Rules } from './policy.ts'
import type { WrittenRules } from './sections.ts'

const dayMs = 86_400_000

/** The rules where no policy file says otherwise. */
export const builtInRules: Rules = {
  gate: 'approved',
  validate: [{ kind: 'artifact', timeoutMs: 60_000 }],
  test: [{ kind: 'artifact', timeoutMs: 60_000 }],
  approval: { approvers: null, quorum: 1, expiresMs: 7 * dayMs, selfApproval: false },
  archiveExisting: true,
  protectedAliases: [],
}

/** Rules with what a section says put over them: key by key, and inside `approval` key by key again. *Pure.* */
export function overlayRules(base: Rules, written: WrittenRules, people: Person[]): Rules {
  return {
    gate: written.gate ?? base.gate,
    validate: written.validate ?? base.validate,
    test: written.test ?? base.test,
    approval: overlayApproval(base.approval, written.approval ?? {}, people),
    archiveExisting: written.archive_existing ?? base.archiveExisting,
    protectedAliases: written.protected_aliases ?? base.protectedAliases,
  }
}

function overlayApproval(
  base: ApprovalRules,
  written: NonNullable<WrittenRules['approval']>,
  people: Person[],
): ApprovalRules {
  const { approvers, quorum, expires, self_approval: selfApproval } = written
  return {
    approvers: approvers?.map((name) => canonicalName({ people }, name)) ?? base.approvers,
    quorum: quorum ?? base.quorum,
    expiresMs: expires === undefined ? base.expiresMs : expires,
    selfApproval: selfApproval === undefined ? base.selfApproval : selfApproval === 'allowed',
  }
}

/**
 * The rules as they are handed out: paths under the policy file's folder are absolute in `rules`, and as written
 * in what `hash` covers, so that the same file has the same hash on every machine. *Pure.*
 */
export function sealRules(rules: Rules, baseDir: string): ModelPolicy {
  const absolute = (check: CheckRule): CheckRule =>
    'data' in check && check.data !== null ? { ...check, data: resolve(baseDir, check.data) } : check
  return {
    rules: { ...rules, validate: rules.validate.map(absolute), test: rules.test.map(absolute) },
    hash: policyHash(rules),
  }
}

/**
 * `sha256:<hex>` over the canonical JSON of rules, whatever the order of their keys; without those about aliases, which
 * have no part in what is checked or who decides. *Pure.*
 */
export function policyHash({ protectedAliases: _, ...pinned }: Rules): string {
  return sha256(canonicalJson(pinned))
}
