import { readDatasets } from '../artifacts/tracking-server.ts'
import { noteTag } from '../lifecycle/annotations.ts'
import { datasetTag } from '../policy/policy.ts'
import { type ClaimedCommand, finishCommand } from '../store/commands.ts'
import { inTransaction } from '../store/transaction.ts'
import type { CommandDeps } from './deps.ts'
import type { Ended } from './workers.ts'

/** Asks the tracking server what a version's run was trained on, and tags the version with it unless somebody has. */
export async function runReadDataset(
  { db, checks, now }: Pick<CommandDeps, 'db' | 'checks' | 'now'>,
  command: ClaimedCommand & { kind: 'readDataset' },
  signal: AbortSignal,
): Promise<Ended> {
  const { model: name, version, payload } = command
  const { tracking } = checks.places
  const datasets = tracking && (await readDatasets(tracking, payload.runId, signal))
  const by = { principal: 'greenroom', channel: 'worker', traceId: command.traceId }
  await inTransaction(db, async (trx) => {
    const tag = { key: datasetTag, value: datasets ?? '' }
    if (datasets !== null) await noteTag(trx, { name, version }, tag, by, now())
    await finishCommand(trx, command)
  })
  return { kind: 'done', note: datasets === null ? 'the run names no data' : `trained on ${datasets}` }
}
