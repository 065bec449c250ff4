import { readDatasets, readRun, type Tracking } from '../artifacts/tracking-server.ts'
import { noteRun, noteTag } from '../lifecycle/annotations.ts'
import { datasetTag } from '../policy/policy.ts'
import { type ClaimedCommand, type CommandPayloads, finishCommand } from '../store/commands.ts'
import { inTransaction } from '../store/transaction.ts'
import type { CommandDeps } from './deps.ts'
import type { Ended } from './workers.ts'

/**
 * Asks the tracking server which run made a version, where only its logged model is known, and what that run was trained
 * on. The version gets the run, and the data as a tag, unless somebody has said it.
 */
export async function runReadDataset(
  { db, checks, now }: Pick<CommandDeps, 'db' | 'checks' | 'now'>,
  command: ClaimedCommand & { kind: 'readDataset' },
  signal: AbortSignal,
): Promise<Ended> {
  const { model: name, version, payload } = command
  const { runId, datasets } = await lookUp(payload, checks.places.tracking, signal)
  const by = { principal: 'greenroom', channel: 'worker', traceId: command.traceId }
  await inTransaction(db, async (trx) => {
    const tag = { key: datasetTag, value: datasets ?? '' }
    if ('modelId' in payload && runId !== null) await noteRun(trx, { name, version }, runId)
    if (datasets !== null) await noteTag(trx, { name, version }, tag, by, now())
    await finishCommand(trx, command)
  })
  return { kind: 'done', note: noteOf(runId, datasets) }
}

async function lookUp(
  payload: CommandPayloads['readDataset'],
  tracking: Tracking | null,
  signal: AbortSignal,
): Promise<{ runId: string | null; datasets: string | null }> {
  const known = 'runId' in payload ? payload.runId : null
  if (tracking === null) return { runId: known, datasets: null }
  const runId = 'modelId' in payload ? await readRun(tracking, payload.modelId, signal) : known
  return { runId, datasets: runId === null ? null : await readDatasets(tracking, runId, signal) }
}

function noteOf(runId: string | null, datasets: string | null): string {
  if (runId === null) return 'its logged model names no run'
  return datasets === null ? `run ${runId} names no data` : `run ${runId} was trained on ${datasets}`
}
