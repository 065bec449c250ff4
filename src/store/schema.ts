import type { ColumnType, Generated } from 'kysely'
import type { ApprovalContext, ApprovalState } from '../machines/approval.ts'
import type { Lifecycle } from '../machines/decide.ts'
import type { Stage, Suite } from '../machines/model-version.ts'
import type { Verdict } from '../policy/finding.ts'
import type { CheckRule } from '../policy/policy.ts'

/** A jsonb column: read as parsed data, written through `json()`. */
export type Json<T> = ColumnType<T, unknown, unknown>

/** A timestamptz column: read as a Date. */
export type Timestamp = ColumnType<Date, Date | string, Date | string>

/** Where a command stands in the ledger. `dead`: given up on, kept to be looked at. */
export type CommandStatus = 'pending' | 'queued' | 'running' | 'done' | 'cancelled' | 'dead'

/** A timestamptz column that the database fills in by its own clock. */
export type DatabaseTime = ColumnType<Date, Date | string | undefined, Date | string>

export type RegisteredModelTable = {
  id: Generated<number>
  name: string
  description: string | null
  /** Next version number to be given; only ever grows, so numbers are never reused (V11). */
  next_version: Generated<number>
  /** Sequence number and hash of the newest history row of this model (V2). */
  last_seq: Generated<number>
  last_hash: Generated<string>
  created_at: Timestamp
  updated_at: Timestamp
  /** Set on what is out of sight: see the views in `0002-registry.ts`. */
  deleted_at: ColumnType<Date | null, Date | null | undefined, Date>
}

export type ModelVersionTable = {
  model_id: number
  version: number
  stage: Stage
  state: string
  lifecycle: Json<Lifecycle>
  machine_version: number
  /** In Production alone: promoted with archive_existing. At most one per model (V1). */
  exclusive: Generated<boolean>
  source: string
  run_id: string | null
  digest: string | null
  metrics: Json<Record<string, number>>
  description: string | null
  author: string | null
  /** Who registered it: a principal's name, or `webhook:<source>`. */
  registered_by: string
  trace_id: string
  /** Where the run can be looked at, as its registrar says. */
  run_link: string | null
  /** Where to load it from, when that is not its source: a `models:/` source names another version. */
  download_uri: string | null
  created_at: Timestamp
  updated_at: Timestamp
  /** Set on what is out of sight: see the views in `0002-registry.ts`. */
  deleted_at: ColumnType<Date | null, Date | null | undefined, Date>
  /** The history row with which it came to Production; null elsewhere. */
  production_seq: number | null
}

export type ModelVersionTagTable = { model_id: number; version: number; key: string; value: string }

export type RegisteredModelTagTable = { model_id: number; key: string; value: string }

/** A name for one version of a model; moves, unlike the version. */
export type RegisteredModelAliasTable = { model_id: number; alias: string; version: number }

/** The history: insert-only, hash-chained per model (V2). */
export type EventTable = {
  model_id: number
  seq: number
  model: string
  /** Null: it happened to the model itself. */
  version: number | null
  type: string
  from_stage: string | null
  from_state: string | null
  /** Null: nothing stands anywhere after it. */
  to_stage: string | null
  to_state: string | null
  actor: string
  channel: string
  reason: string | null
  detail: Json<Record<string, unknown>>
  trace_id: string
  at: Timestamp
  prev_hash: string
  hash: string
}

/** The ledger: a row for everything to be done outside a transaction; BullMQ only carries its ids. */
export type CommandTable = {
  id: string
  kind: string
  queue: string
  payload: Json<Record<string, unknown>>
  model: string
  /** Null for what is about the model as a whole. */
  version: number | null
  trace_id: string
  status: Generated<CommandStatus>
  /** Grows with every dispatch; the fence against late workers (V9). */
  attempt: Generated<number>
  /** How often an attempt ended badly; what retries are counted by. */
  failures: Generated<number>
  run_at: DatabaseTime
  lease_until: Timestamp | null
  last_error: string | null
  created_at: DatabaseTime
  finished_at: Timestamp | null
}

export type ValidationTable = {
  id: string
  model_id: number
  version: number
  suite: Suite
  status: 'running' | 'passed' | 'failed' | 'errored' | 'cancelled'
  policy_hash: string
  /** The incumbent when the validation was opened; null when nothing was in Production. */
  incumbent_version: number | null
  /** The one digest that the checks saw; null when none of them read the artifact. */
  digest: string | null
  opened_at: Timestamp
  closed_at: Timestamp | null
}

export type CheckResultTable = {
  validation_id: string
  position: number
  rule: Json<CheckRule>
  command_id: string
  verdict: Verdict | null
  /** One sentence for people, with the numbers that say why. */
  summary: string | null
  /** The figures behind the sentence. */
  measured: Json<Record<string, unknown> | null>
  digest: string | null
  /** The command's attempt whose verdict this is (V9). */
  attempt: number | null
  started_at: Timestamp | null
  finished_at: Timestamp | null
}

export type ApprovalRequestTable = {
  id: string
  model_id: number
  version: number
  state: ApprovalState
  lifecycle: Json<{ value: ApprovalState; context: ApprovalContext }>
  machine_version: number
  /** The pin: what people are asked about. If any of it changes the request is stale (V8). */
  validation_id: string
  digest: string | null
  policy_hash: string
  incumbent_version: number | null
  archive_existing: boolean
  approvers: Json<string[] | null>
  trace_id: string
  /** Where it was posted, once it was. */
  message: Json<Record<string, string> | null>
  opened_at: Timestamp
  expires_at: Timestamp | null
  closed_at: Timestamp | null
  /** Why it ended: the reason of the decision, or what ended it otherwise. */
  outcome_reason: string | null
}

export type DecisionTable = {
  request_id: string
  principal: string
  answer: 'approve' | 'decline'
  reason: string | null
  channel: string
  at: Timestamp
}

/** Inbound deliveries, kept so that a replay finds its first effect (V7). */
export type DeliveryTable = {
  source: string
  id: string
  body_hash: string
  /** What it registered; null for event types that register nothing. */
  model: string | null
  version: number | null
  received_at: Timestamp
}

export type TokenTable = {
  /** The public prefix by which a token is found. */
  id: string
  secret_hash: string
  principal: string
  roles: Json<string[]>
  created_by: string
  created_at: Timestamp
  expires_at: Timestamp | null
  revoked_at: Timestamp | null
}

export type SessionTable = {
  secret_hash: string
  token_id: string
  created_at: Timestamp
  expires_at: Timestamp
}

/** Whom to tell of what happens here. */
export type WebhookTable = {
  id: string
  name: string
  url: string
  description: string | null
  status: WebhookStatus
  /** What deliveries are signed with, sealed; null: they are not signed. */
  secret: string | null
  /** Set while it does not answer: until then nothing is sent to it. */
  rests_until: ColumnType<Date | null, Date | undefined, Date | null>
  created_at: Timestamp
  updated_at: Timestamp
  deleted_at: ColumnType<Date | null, Date | undefined, Date>
}

export type WebhookStatus = 'ACTIVE' | 'DISABLED'

/** What a webhook is told of, in the order in which that was asked for. */
export type WebhookEventTable = { webhook_id: string; position: number; entity: string; action: string }

/**
 * Where a delivery stands. `dead`: given up on after three days, or refused for good; `cancelled`: its webhook was
 * disabled or deleted before it could be made.
 */
export type WebhookDeliveryStatus = 'pending' | 'delivered' | 'dead' | 'cancelled'

/** One event on its way to one webhook; its id and its body stay the same in every attempt (V14). */
export type WebhookDeliveryTable = {
  id: string
  webhook_id: string
  entity: string
  action: string
  /** The very text that is sent. */
  body: string
  model: string
  version: number | null
  /** Where the event stands in the model's history: what the receiver can order by. */
  sequence: number
  status: Generated<WebhookDeliveryStatus>
  attempts: Generated<number>
  created_at: Timestamp
  ended_at: Timestamp | null
}

/** What came of one attempt at a delivery. */
export type WebhookAttemptTable = {
  delivery_id: string
  attempt: number
  at: Timestamp
  /** What the receiver answered with; null when no answer came. */
  status: number | null
  /** Why no answer came, in one word; null when one did. */
  error: string | null
  ms: number
}

export type Database = {
  /** A view of what is not deleted, as all but deletion sees it; likewise `model_version`. */
  registered_model: RegisteredModelTable
  every_registered_model: RegisteredModelTable
  model_version: ModelVersionTable
  every_model_version: ModelVersionTable
  registered_model_tag: RegisteredModelTagTable
  registered_model_alias: RegisteredModelAliasTable
  model_version_tag: ModelVersionTagTable
  event: EventTable
  command: CommandTable
  validation: ValidationTable
  check_result: CheckResultTable
  approval_request: ApprovalRequestTable
  decision: DecisionTable
  delivery: DeliveryTable
  token: TokenTable
  session: SessionTable
  webhook: WebhookTable
  webhook_event: WebhookEventTable
  webhook_delivery: WebhookDeliveryTable
  webhook_attempt: WebhookAttemptTable
}
