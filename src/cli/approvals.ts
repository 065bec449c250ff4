import type { Command } from 'commander'
import { type Approval, listPendingApprovals } from '../client/api.ts'
import { jsonOption, urlOption } from './options.ts'
import type { Shell } from './shell.ts'
import { show, showTime, table } from './words.ts'

/** Adds `greenroom approvals`. */
export function addApprovals(program: Command, shell: Shell): void {
  program
    .command('approvals')
    .description('list the approval requests that wait for people')
    .addOption(urlOption())
    .addOption(jsonOption())
    .action((_, command: Command) =>
      shell.remote(command, async (to) => {
        const approvals = await listPendingApprovals(to)
        return { done: true, document: { approvals }, lines: renderApprovals(approvals) }
      }),
    )
}

function renderApprovals(approvals: Approval[]): string[] {
  if (approvals.length === 0) return ['Nothing waits for approval.']
  return table(
    ['REQUEST', 'MODEL', 'VERSION', 'APPROVALS', 'ASKED', 'OPEN UNTIL', 'APPROVERS'],
    approvals.map((approval) => [
      show(approval.id),
      show(approval.model),
      String(approval.version),
      `${approval.decisions.length} of ${approval.quorum}`,
      showTime(approval.opened_at),
      approval.expires_at === null ? '–' : showTime(approval.expires_at),
      approval.approvers === null ? 'any approver' : approval.approvers.map(show).join(', '),
    ]),
  )
}
