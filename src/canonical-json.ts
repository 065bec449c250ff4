import { hash } from 'node:crypto'

/** JSON with sorted keys and no spaces: equal data has equal text. Undefined members are left out. *Pure.* */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  )
}

/** `sha256:<hex>` of a text or bytes. *Pure.* */
export function sha256(content: string | Uint8Array): string {
  return `sha256:${hash('sha256', content)}`
}
