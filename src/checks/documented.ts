import { readDatasets } from '../artifacts/tracking-server.ts'
import type { Finding } from '../policy/finding.ts'
import { type DocumentedCheck, datasetTag } from '../policy/policy.ts'
import type { CheckEnvironment, CheckSubject } from './subject.ts'

/**
 * What the policy wants to be said about a version has been said; of the data its run may say it. Rejects when the
 * tracking server that knows the run does not answer.
 */
export async function checkDocumented(
  rule: DocumentedCheck,
  candidate: CheckSubject,
  _incumbent: CheckSubject | null,
  env: Pick<CheckEnvironment, 'places' | 'signal'>,
): Promise<Finding> {
  const { description, runId } = candidate
  const tags = new Map(Object.entries(candidate.tags))
  const dataset = rule.dataset ? (tags.get(datasetTag) ?? (await datasetOfRun(runId, env))) : null
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

async function datasetOfRun(
  runId: string | null,
  { places: { tracking }, signal }: Pick<CheckEnvironment, 'places' | 'signal'>,
): Promise<string | null> {
  return runId === null || tracking === null ? null : readDatasets(tracking, runId, signal)
}
