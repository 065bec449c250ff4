// The shapes of what the API answers; those with an id stand under that name in the OpenAPI document.
import { z } from 'zod'
import { stages } from '../../machines/stages.ts'
import { roles } from '../roles.ts'

const time = z.iso.datetime()
const figures = z.record(z.string(), z.unknown())

/** What is said of a path without a route; every path that our own clients call has one. */
export const nothingHere = 'There is nothing at this path.'

export const errorShape = z
  .object({
    error: z.object({
      code: z.string().describe('Stable, for programs.'),
      message: z.string().describe('One sentence, for people.'),
      requestId: z.string().describe('Finds the request in the log.'),
    }),
  })
  .describe('The one shape of every error.')
  .meta({ id: 'Error' })

/** Errors that any route may answer with. */
export const errors = { '4xx': errorShape, '5xx': errorShape }

const stage = z.enum(stages)
const state = z.string().describe('The finer state inside the stage, such as `awaitingApproval`.')

export const standing = z
  .object({ name: z.string(), version: z.int(), stage, state })
  .meta({ id: 'Standing' })

export const modelSummary = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    versions: z.int().describe('How many versions it has.'),
    latest_version: z.int().nullable(),
    production: z.array(z.int()).describe('Versions in Production, newest first.'),
    updated_at: time,
  })
  .meta({ id: 'ModelSummary' })

export const versionSummary = z.object({
  version: z.int(),
  stage,
  state,
  author: z.string().nullable(),
  digest: z.string().nullable(),
  metrics: z.record(z.string(), z.number()),
  created_at: time,
  updated_at: time,
})

export const model = z
  .object({
    name: z.string(),
    description: z.string().nullable(),
    created_at: time,
    updated_at: time,
    versions: z.array(versionSummary).describe('Newest first.'),
    next_before: z.int().nullable().describe('What to pass as `before` for older versions; null at the end.'),
  })
  .meta({ id: 'Model' })

const check = z
  .object({
    check: z.string().describe('Kind of the check.'),
    verdict: z
      .enum(['passed', 'failed', 'inconclusive', 'errored'])
      .nullable()
      .describe('Null while it has not ended.'),
    summary: z.string().nullable(),
    measured: figures.nullable(),
    digest: z.string().nullable().describe('Of the artifact that the check read.'),
    started_at: time.nullable(),
    finished_at: time.nullable(),
  })
  .meta({ id: 'Check' })

const validation = z
  .object({
    id: z.string(),
    suite: z.enum(['validate', 'test', 'all']),
    status: z.enum(['running', 'passed', 'failed', 'errored', 'cancelled']),
    policy_hash: z.string(),
    incumbent_version: z.int().nullable(),
    digest: z.string().nullable(),
    opened_at: time,
    closed_at: time.nullable(),
    checks: z.array(check),
  })
  .meta({ id: 'Validation' })

export const approvalStates = z.enum(['pending', 'approved', 'declined', 'expired', 'withdrawn', 'stale'])

export const approval = z
  .object({
    id: z.string(),
    model: z.string(),
    version: z.int(),
    state: approvalStates,
    validation_id: z.string(),
    digest: z.string().nullable(),
    policy_hash: z.string(),
    incumbent_version: z.int().nullable().describe('What a promotion would replace.'),
    archive_existing: z.boolean(),
    approvers: z.array(z.string()).nullable().describe('Null: whoever holds the role `approver`.'),
    quorum: z.int(),
    decisions: z.array(
      z.object({
        principal: z.string(),
        answer: z.enum(['approve', 'decline']),
        reason: z.string().nullable(),
        channel: z.string(),
        at: time,
      }),
    ),
    outcome_reason: z.string().nullable(),
    trace_id: z.string(),
    opened_at: time,
    expires_at: time.nullable(),
    closed_at: time.nullable(),
  })
  .meta({ id: 'Approval' })

export const approvalList = z.object({
  approvals: z.array(approval).describe('Newest first.'),
  next_before: z
    .string()
    .nullable()
    .describe('What to pass as `before` for older requests; null at the end.'),
})

export const version = standing
  .extend({
    exclusive: z.boolean().describe('In Production alone: its promotion archived the others.'),
    source: z.string(),
    download_uri: z
      .string()
      .nullable()
      .describe(
        'Where the artifact is, when that is not the source: a `models:/` source names another version.',
      ),
    run_id: z.string().nullable(),
    dataset: z.string().nullable().describe('The data it was trained on, as its tag `dataset` says.'),
    digest: z.string().nullable(),
    metrics: z.record(z.string(), z.number()),
    tags: z.record(z.string(), z.string()),
    description: z.string().nullable(),
    author: z.string().nullable(),
    registered_by: z.string(),
    trace_id: z.string(),
    created_at: time,
    updated_at: time,
    checks: z
      .array(check)
      .describe('Of the newest run before Staging and of the newest one in Staging since.'),
    validations: z.array(validation).describe('Newest first.'),
    approval: approval.nullable().describe('The newest request; null when none was ever opened.'),
  })
  .meta({ id: 'Version' })

const place = z.object({ stage: z.string(), state: z.string() })

export const historyEvent = z
  .object({
    seq: z.int(),
    version: z.int().nullable().describe('Null: it happened to the model itself.'),
    type: z.string(),
    from: place.nullable(),
    to: place.nullable().describe('Null: no version stands anywhere afterwards.'),
    actor: z.string(),
    channel: z.string(),
    reason: z.string().nullable(),
    detail: figures,
    trace_id: z.string(),
    at: time,
    prev_hash: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'Event' })

export const registrationOutcome = standing.extend({
  outcome: z.enum(['registered', 'duplicate']).describe('`duplicate`: it had been registered before.'),
})

export const decisionOutcome = z
  .object({
    outcome: z.enum([
      'promoted',
      'moved',
      'counted',
      'declined',
      'duplicate',
      'already_live',
      'testing',
      'asked',
    ]),
    name: z.string(),
    version: z.int(),
    request_id: z.string().optional(),
    replaced: z.array(z.int()).optional().describe('Versions that were archived by this.'),
    have: z.int().optional().describe('Approvals so far.'),
    need: z.int().optional().describe('Approvals that are needed.'),
    why: z.string().optional(),
  })
  .meta({ id: 'Outcome' })

export const moveOutcome = standing.extend({ outcome: z.literal('moved') })

export const token = z
  .object({
    id: z.string(),
    name: z.string().describe('Whose token it is.'),
    roles: z.array(z.enum(roles)),
    created_by: z.string(),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
  })
  .meta({ id: 'Token' })

export const deliveryStatuses = z
  .enum(['pending', 'delivered', 'dead', 'cancelled'])
  .describe('`dead`: given up on. `cancelled`: the webhook was disabled or deleted before.')

const delivery = z
  .object({
    id: z.string().describe('What the receiver gets as `X-MLflow-Delivery-Id`, the same in every attempt.'),
    entity: z.string(),
    action: z.string(),
    model: z.string(),
    version: z.int().nullable(),
    sequence: z.int().describe('Where the event stands in the history of the model.'),
    status: deliveryStatuses,
    attempts: z.int(),
    created_at: time,
    ended_at: time.nullable(),
    log: z.array(
      z.object({
        attempt: z.int(),
        at: time,
        status: z.int().nullable().describe('What the receiver answered with; null when no answer came.'),
        error: z
          .string()
          .nullable()
          .describe(
            'Why no answer came: `connection`, `timeout`, `unresolvable` (no such host), `blocked` (the host is inside) or `locked` (the secret cannot be read).',
          ),
        ms: z.int(),
      }),
    ),
  })
  .meta({ id: 'Delivery' })

export const deliveryList = z.object({
  deliveries: z.array(delivery).describe('Newest first.'),
  next_before: z
    .string()
    .nullable()
    .describe('What to pass as `before` for older deliveries; null at the end.'),
})
