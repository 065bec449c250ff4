import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { SlackSandbox } from '../../src/sandbox/slack.ts'
import type { Database } from '../../src/store/database.ts'
import { checkProduction } from './oracle.ts'

/** A background activity of a test; `stop` gives what it saw. */
export type Watch = { stop(): Promise<string[]> }

/** Looks several times a second how many versions are in Production, as any reader could (V1). */
export function watchProduction(db: Kysely<Database>): Watch {
  return repeat(50, () => checkProduction(db))
}

/** Somebody who approves whatever is asked about the models of a name's beginning, and tries again while nobody answers. */
export function approveAll(
  { db, sandbox }: { db: Kysely<Database>; sandbox: SlackSandbox },
  prefix: string,
  userId: string,
): Watch {
  return repeat(100, async () => {
    const asked = await db
      .selectFrom('approval_request as request')
      .innerJoin('registered_model as model', 'model.id', 'request.model_id')
      .select('request.message')
      .where('request.state', '=', 'pending')
      .where('model.name', 'like', `${prefix}%`)
      .execute()
    for (const { message } of asked) {
      const click = { ts: message?.ts ?? '', actionId: 'greenroom.approve', userId }
      // The message may have lost its button since.
      await sandbox.click(click).catch(() => {})
    }
    return []
  })
}

function repeat(everyMs: number, look: () => Promise<string[]>): Watch {
  const seen = new Set<string>()
  let stopping = false
  const run = async () => {
    while (!stopping) {
      for (const sight of await look()) seen.add(sight)
      await sleep(everyMs)
    }
  }
  const running = run()
  // What went wrong is told by whoever stops it.
  running.catch(() => {})
  return {
    stop: async () => {
      stopping = true
      await running
      return [...seen]
    },
  }
}
