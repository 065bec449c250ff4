/** What a check found out about a model version: the verdict, why in one sentence, and the figures behind it. */
export type Finding = {
  /** `failed`: it is the model's fault. `inconclusive`: what there is does not suffice to tell. */
  verdict: 'passed' | 'failed' | 'inconclusive'
  summary: string
  measured: Record<string, unknown>
  /** Of the artifact that the check saw; null when it saw none. */
  digest: string | null
}

/** The check could not be made, and that says nothing about the model. May go better the next time. */
export class CheckErroredError extends Error {
  override name = 'CheckErroredError'
}
