import type { Kysely } from 'kysely'
import { advanceIn } from '../lifecycle.ts'
import { loadRequest, lockModelOfRequest } from '../store/approvals.ts'
import { type Attempt, finishCommand } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { inTransaction } from '../store/transaction.ts'
import { loadVersion } from '../store/versions.ts'
import type { LifecycleDeps } from './deps.ts'
import { endRequest } from './effects.ts'

/**
 * Ends a request whose deadline has passed, and the command that watched it. A request that has ended
 * otherwise is left alone. `not yet`: by this process's clock the deadline lies ahead; nothing was changed.
 */
export function expireRequest(
  db: Kysely<Database>,
  watch: Attempt & { traceId: string; requestId: string },
  deps: LifecycleDeps,
): Promise<'expired' | 'ended before' | 'not yet'> {
  return inTransaction(db, async (trx) => {
    const model = await lockModelOfRequest(trx, watch.requestId)
    const request = await loadRequest(trx, watch.requestId)
    if (request.state !== 'pending') {
      await finishCommand(trx, watch)
      return 'ended before'
    }
    const reason = 'nobody decided in time'
    if (!(await endRequest(trx, model, request, 'deadlinePassed', reason, deps))) return 'not yet'
    await finishCommand(trx, watch)
    const by = { principal: 'greenroom', channel: 'worker', traceId: watch.traceId }
    const version = await loadVersion(trx, model, request.version)
    await advanceIn(trx, model, version, { type: 'expired', requestId: request.id }, by, deps, { reason })
    return 'expired'
  })
}
