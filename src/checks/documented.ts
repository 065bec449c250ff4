import { readDatasets, readRun } from '../artifacts/tracking-server.ts'
import { loggedModelIn } from '../logged-model.ts'
import type { Finding } from '../policy/finding.ts'
import { type DocumentedCheck, datasetTag } from '../policy/policy.ts'
import type { CheckEnvironment, CheckSubject } from './subject.ts'

/**
 * What the policy wants to be said about a version has been said; of its run the logged model that it is may say it, and
 * of the data its run. Rejects when the tracking server that knows them does not answer.
 */
export async function checkDocumented(
  rule: DocumentedCheck,
  candidate: CheckSubject,
  _incumbent: CheckSubject | null,
  env: Reach,
): Promise<Finding> {
  const { description } = candidate
  const tags = new Map(Object.entries(candidate.tags))
  const needsData = rule.dataset && !tags.has(datasetTag)
  // Asked here too, for it may not have been noted on the version yet.
  const runId = candidate.runId ?? (rule.run || needsData ? await runOfModel(candidate.source, env) : null)
  const dataset = needsData ? await datasetOfRun(runId, env) : tags.get(datasetTag)
  const wanted: [string, boolean, string | null | undefined][] = [
    ['a description', rule.description, description],
    ['the run that made it', rule.run, runId],
    [`the data it was trained on (tag "${datasetTag}")`, rule.dataset, dataset],
    ...rule.tags.map((key): [string, boolean, string | undefined] => [
      `the tag "${key}"`,
      true,
      tags.get(key),
    ]),
  ]
  const missing = wanted.filter(([, isWanted, said]) => isWanted && (said ?? '').trim() === '')
  const names = missing.map(([what]) => what)
  return {
    verdict: missing.length === 0 ? 'passed' : 'failed',
    summary:
      missing.length === 0 ? 'everything that is asked for has been said' : `missing: ${names.join(', ')}`,
    measured: { missing: names },
    digest: null,
  }
}

type Reach = Pick<CheckEnvironment, 'places' | 'signal'>

async function runOfModel(source: string, { places: { tracking }, signal }: Reach): Promise<string | null> {
  const modelId = loggedModelIn(source)
  return modelId === null || tracking === null ? null : readRun(tracking, modelId, signal)
}

async function datasetOfRun(
  runId: string | null,
  { places: { tracking }, signal }: Reach,
): Promise<string | null> {
  return runId === null || tracking === null ? null : readDatasets(tracking, runId, signal)
}
