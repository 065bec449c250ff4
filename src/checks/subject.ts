import type { Places } from '../artifacts/remote.ts'
import type { Finding } from '../policy/finding.ts'
import type { ModelSandbox } from '../runtimes/sandbox.ts'

/** What a check is told about a model version. */
export type CheckSubject = {
  name: string
  version: number
  source: string
  /** `sha256:<hex>` as declared or as first seen; null while nobody knows. */
  digest: string | null
  metrics: Record<string, number>
  tags: Record<string, string>
  description: string | null
  runId: string | null
}

/** What a check may use. */
export type CheckEnvironment = {
  /** The folders that models may be read from; relative files are looked for in each in turn. */
  artifactRoots: string[]
  /** From where artifacts that are not on this machine may be fetched. */
  places: Places
  sandbox: ModelSandbox
  /** Cancels the check. */
  signal: AbortSignal
}

/**
 * One kind of check. Resolves with what it found about the candidate; throws OperatorError where the operator must mend
 * something, CheckErroredError or any other error when it could not be made, and the reason of an aborted signal.
 */
export type Check<Rule> = (
  rule: Rule,
  candidate: CheckSubject,
  incumbent: CheckSubject | null,
  env: CheckEnvironment,
) => Promise<Finding>
