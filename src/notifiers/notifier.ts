import type { ApprovalState } from '../machines/approval.ts'
import type { Verdict } from '../policy/finding.ts'

/** One version as people are shown it. */
export type VersionView = {
  version: number
  stage: string
  source: string
  runId: string | null
  digest: string | null
  author: string | null
  description: string | null
  metrics: Record<string, number>
  tags: Record<string, string>
}

/** One check as people are shown it. */
export type CheckView = {
  kind: string
  verdict: Verdict | null
  summary: string | null
  measured: Record<string, unknown> | null
}

/** Everything an approver needs to see of a request: candidate against incumbent, and how it stands. */
export type RequestView = {
  id: string
  model: string
  state: ApprovalState
  candidate: VersionView
  /** The version a promotion would replace; null when nothing is in Production. */
  incumbent: VersionView | null
  archiveExisting: boolean
  /** The checks before Staging, then those in Staging. */
  checks: CheckView[]
  /** Canonical names; null: whoever holds the role. */
  approvers: string[] | null
  quorum: number
  /** In the order they came. */
  decisions: { principal: string; answer: 'approve' | 'decline'; reason: string | null; at: Date }[]
  openedAt: Date
  expiresAt: Date | null
  /** When it ended; null while it is pending. */
  closedAt: Date | null
  outcomeReason: string | null
  /** Follows the registration from its arrival to this message. */
  traceId: string
}

/** Where a message is: the notifier's own coordinates, stored with the request and handed back. */
export type MessageRef = Record<string, string>

export type Delivery<Sent> =
  | ({ kind: 'sent' } & Sent)
  /** Worth trying again, not before `afterMs` when the channel said so. */
  | { kind: 'retryable'; why: string; afterMs: number | null }
  /** Will not work however often it is tried; `why` says what to change. */
  | { kind: 'fatal'; why: string }

/** A channel that reaches people. Its functions *never reject*. */
export type Notifier = {
  name: string
  /** Asks. `mayBePosted`: an earlier attempt may have gone through; look before posting again (V12). */
  post(request: RequestView, mayBePosted: boolean): Promise<Delivery<{ message: MessageRef }>>
  /** Rewrites the message to how the request stands now; without buttons once it has ended. */
  update(request: RequestView, message: MessageRef): Promise<Delivery<object>>
  /** Says something to one person only. */
  replyPrivately(to: { channel: string; user: string }, text: string): Promise<Delivery<object>>
}
