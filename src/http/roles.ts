/** What a caller may do; `admin` implies all others, `approver` and `registrar` imply `viewer`. */
export const roles = ['viewer', 'registrar', 'approver', 'admin'] as const
export type Role = (typeof roles)[number]

/**
 * Who may call a route: everybody (`public`), whoever signs the request as the route itself verifies
 * (`signed`), or holders of a role, or of one of several.
 */
export type Access = 'public' | 'signed' | Role | readonly Role[]

/** Tells whether somebody with these roles holds the wanted one, or one that implies it. *Pure.* */
export function holdsRole(held: readonly Role[], wanted: Role): boolean {
  return held.includes(wanted) || held.includes('admin') || (wanted === 'viewer' && held.length > 0)
}

/** The roles that are known among stored texts. *Pure.* */
export function rolesIn(stored: readonly string[]): Role[] {
  return roles.filter((role) => stored.includes(role))
}
