import type { ApprovalRules } from './policy.ts'

/**
 * Tells whether a person may answer approval requests under these rules: they hold the approver's right in the
 * channel they came by, and where the policy lists approvers they are on the list. `principal` is a canonical
 * name. Authorship is another question (see `refusalOf`). *Pure.*
 */
export function isApprover(
  rules: Pick<ApprovalRules, 'approvers'>,
  principal: string,
  { hasRole }: { hasRole: boolean },
): boolean {
  return hasRole && (rules.approvers === null || rules.approvers.includes(principal))
}
