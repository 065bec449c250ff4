import type { Finding } from '../policy/finding.ts'
import type { DocumentedCheck } from '../policy/policy.ts'
import type { CheckSubject } from './subject.ts'

/** The tag that says which version of the data a model was trained on. */
export const datasetTag = 'dataset'

/** What the policy wants to be said about a version has been said. *Never rejects.* */
export async function checkDocumented(rule: DocumentedCheck, candidate: CheckSubject): Promise<Finding> {
  const { description, runId } = candidate
  const tags = new Map(Object.entries(candidate.tags))
  const wanted: [string, boolean, string | null | undefined][] = [
    ['a description', rule.description, description],
    ['the run that made it', rule.run, runId],
    [`the data it was trained on (tag "${datasetTag}")`, rule.dataset, tags.get(datasetTag)],
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
