import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds; fails after `limitMs` with what was waited for. */
export async function until(condition: () => Promise<boolean> | boolean, limitMs = 30_000): Promise<void> {
  const end = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not come true within ${limitMs} ms: ${condition.toString()}`)
    await sleep(25)
  }
}
