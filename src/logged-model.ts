/** The id of the logged model that a `models:/m-<id>` source names; null for any other source. *Pure.* */
export function loggedModelIn(source: string): string | null {
  return /^models:\/+(m-[\w-]+)$/i.exec(source)?.[1] ?? null
}
