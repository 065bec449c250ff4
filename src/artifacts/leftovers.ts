import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Removes from a folder what begins so and was last changed longer than `olderThanMs` ago: what processes that were
 * killed have left behind. Leaves alone what may not be removed.
 */
export async function removeLeftovers(folder: string, beginning: string, olderThanMs: number): Promise<void> {
  const names = await readdir(folder)
  for (const name of names.filter((one) => one.startsWith(beginning))) {
    const place = join(folder, name)
    const age = await lstat(place).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    // It may be somebody else's.
    if (age > olderThanMs) await rm(place, { recursive: true, force: true }).catch(() => {})
  }
}
