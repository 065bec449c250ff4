import { recordFinding } from '../lifecycle/findings.ts'
import type { ClaimedCommand } from '../store/commands.ts'
import { giveUpDelivery, runDeliverWebhook } from './deliver-webhook.ts'
import type { CommandDeps } from './deps.ts'
import { runReadDataset } from './read-dataset.ts'
import { runCheckCommand } from './run-check.ts'
import { runExpireRequest, runPostRequest, runReplyPrivately, runUpdateRequest } from './tell-people.ts'
import type { CommandRunner, WorkerDeps } from './workers.ts'

/** The one place that knows which function runs which kind of command. */
export function commandRunner(deps: CommandDeps): CommandRunner {
  return (command, signal) => {
    switch (command.kind) {
      case 'runCheck':
        return runCheckCommand(deps, command, signal)
      case 'readDataset':
        return runReadDataset(deps, command, signal)
      case 'postRequest':
        return runPostRequest(deps, command)
      case 'updateRequest':
        return runUpdateRequest(deps, command)
      case 'expireRequest':
        return runExpireRequest(deps, command)
      case 'replyPrivately':
        return runReplyPrivately(deps, command)
      case 'deliverWebhook':
        return runDeliverWebhook(deps, command, signal)
    }
  }
}

/**
 * A check that cannot be made is an errored finding, so that its validation reaches its end all the same; a delivery
 * ends as dead.
 */
export function giveUpOn(deps: CommandDeps): WorkerDeps['giveUp'] {
  return async (command: ClaimedCommand, why: string): Promise<boolean> => {
    if (command.kind === 'deliverWebhook') {
      await giveUpDelivery(deps, command, why)
      return true
    }
    if (command.kind !== 'runCheck') return false
    const at = deps.now()
    const finding = { verdict: 'errored', summary: why, measured: {}, digest: null } as const
    await recordFinding(
      deps.db,
      { ...command, ...command.payload },
      finding,
      { startedAt: at, finishedAt: at },
      deps,
    )
    return true
  }
}
