/** What a check found out. `errored` means the check could not be made; it says nothing about the model. */
export type Verdict = 'passed' | 'failed' | 'inconclusive' | 'errored'

/** A check's verdict, with what lies behind it. */
export type Finding = {
  verdict: Verdict
  /** One sentence for people, with the numbers that say why. */
  summary: string
  /** The figures behind the sentence. */
  measured: Record<string, unknown>
  /** `sha256:<hex>` of the artifact that the check read; null when it read none. */
  digest: string | null
}
