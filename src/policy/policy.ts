import type { Gate } from '../machines/model-version.ts'

/** Every check has a bound on its time; in the policy file `timeout: 60s`. */
type Bounded = { timeoutMs: number }

/** The artifact is there, can be read, and has the digest that was declared, if one was. */
export type ArtifactCheck = Bounded & { kind: 'artifact' }

/** The model loads and predicts finite numbers of the right shape on a sample, fast enough. */
export type SmokeCheck = Bounded & {
  kind: 'smoke'
  /** CSV of feature columns; null: a sample of zeros in the model's own input shape. */
  data: string | null
  /** Column of `data` that is not a feature. */
  target: string | null
  /** Upper limit for the 95th percentile of single-row predictions, in milliseconds; null sets none. */
  p95Ms: number | null
}

/** The metrics that came with the registration keep their limits. */
export type MetricsCheck = Bounded & {
  kind: 'metrics'
  limits: Record<string, { min?: number; max?: number }>
}

/** Candidate and incumbent are measured on the same hold-out data. */
export type IncumbentCheck = Bounded & {
  kind: 'incumbent'
  data: string
  target: string
  metric: 'rmspe' | 'rmse' | 'mae' | 'r2'
  /** Derived from the metric unless the file says otherwise. */
  direction: 'lower' | 'higher'
  /** `gain`: must be better by at least `by`; `loss`: may be worse by at most `by`. */
  require: 'gain' | 'loss'
  /** How much, in the metric's unit, or as a fraction of the incumbent's figure. */
  by: { absolute: number } | { relative: number }
}

/** The tag that says which version of the data a model was trained on. */
export const datasetTag = 'dataset'

/** What must be said about a version when it is registered: what it is, where it comes from, what it was trained on. */
export type DocumentedCheck = Bounded & {
  kind: 'documented'
  description: boolean
  run: boolean
  dataset: boolean
  /** Keys of tags that must be there and not be empty. */
  tags: string[]
}

export type CheckRule = ArtifactCheck | SmokeCheck | MetricsCheck | IncumbentCheck | DocumentedCheck

/** Who decides on Production and until when. */
export type ApprovalRules = {
  /** Canonical names of people; null: whoever holds the role `approver`. */
  approvers: string[] | null
  quorum: number
  /** Milliseconds from the asking; null never expires. */
  expiresMs: number | null
  /** The author's own approval counts. */
  selfApproval: boolean
}

/** All rules for one model, complete: defaults are already applied. */
export type Rules = {
  gate: Gate
  /** Checks between None and Staging. */
  validate: CheckRule[]
  /** Checks in Staging, right before people are asked. */
  test: CheckRule[]
  approval: ApprovalRules
  archiveExisting: boolean
  /** Aliases that behind a gate only a version in Production may have. */
  protectedAliases: string[]
}

/** One person under their canonical name, and what else they are known by. */
export type Person = { name: string; slack: string | null; aliases: string[] }

/** The rules that hold for a model, with the hash that pins them. */
export type ModelPolicy = {
  rules: Rules
  /** `sha256:<hex>` over the canonical JSON of the rules, with data paths as the file writes them. */
  hash: string
}

/** A loaded policy file. */
export type Policy = {
  people: Person[]
  /** The rules for a model by its name: the first matching glob over the defaults. *Pure.* */
  rulesFor(model: string): ModelPolicy
}
