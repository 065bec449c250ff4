import { z } from 'zod'
import { answerRequest } from '../../lifecycle/answer.ts'
import { listRequestRecords, loadRequestRecord } from '../../store/reads.ts'
import { actorOf } from '../access.ts'
import type { App, AppDeps } from '../deps.ts'
import { filledText, optionalBody, text, wholeNumberInUrl } from '../text.ts'
import { answerDecision } from './outcomes.ts'
import * as shape from './schemas.ts'
import { answererOf } from './versions.ts'
import { viewApproval } from './views.ts'

const tags = ['Approvals']
const params = z.strictObject({ id: z.guid().describe('Id of an approval request.') })

/** Adds the routes that show approval requests and take answers to them. */
export function approvalRoutes(app: App, deps: AppDeps): void {
  app.get(
    '/approvals',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'List approval requests, newest first',
        querystring: z.strictObject({
          state: shape.approvalStates.optional().describe('Only requests that stand so.'),
          before: z.guid().optional().describe('Only requests older than the one with this id.'),
          limit: wholeNumberInUrl(1, 200).default(50).describe('How many at most.'),
        }),
        response: { 200: shape.approvalList, ...shape.errors },
      },
    },
    async ({ query }) => {
      const { limit, state, before } = query
      const filter = { ...(state !== undefined && { state }), ...(before !== undefined && { before }) }
      const found = await listRequestRecords(deps.db, { ...filter, limit: limit + 1 })
      const page = found.slice(0, limit)
      const next = found.length > limit ? (page.at(-1)?.id ?? null) : null
      return { approvals: page.map(viewApproval), next_before: next }
    },
  )

  app.get(
    '/approvals/:id',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'Show an approval request',
        params,
        querystring: z.strictObject({}),
        response: { 200: shape.approval, ...shape.errors },
      },
    },
    async ({ params }) => viewApproval(await loadRequestRecord(deps.db, params.id)),
  )

  app.post(
    '/approvals/:id/approve',
    {
      config: { access: 'approver' },
      schema: {
        tags,
        summary: 'Approve',
        params,
        querystring: z.strictObject({}),
        body: optionalBody({
          reason: text(2_000).optional(),
          archive_existing: z
            .boolean()
            .optional()
            .describe('Overrides the request’s; for the deciding answer only.'),
        }),
        response: { 200: shape.decisionOutcome, ...shape.errors },
      },
    },
    async (request, reply) => {
      const { reason = null, archive_existing: archiveExisting } = request.body
      const answer = {
        answer: 'approve',
        reason,
        ...(archiveExisting !== undefined && { archiveExisting }),
      } as const
      const [from, by] = [answererOf(request), actorOf(request)]
      return answerDecision(reply, await answerRequest(deps.db, request.params.id, answer, from, by, deps))
    },
  )

  app.post(
    '/approvals/:id/decline',
    {
      config: { access: 'approver' },
      schema: {
        tags,
        summary: 'Decline, with the reason why',
        params,
        querystring: z.strictObject({}),
        body: optionalBody({ reason: filledText(2_000).describe('What would have to change.') }),
        response: { 200: shape.decisionOutcome, ...shape.errors },
      },
    },
    async (request, reply) => {
      const answer = { answer: 'decline', reason: request.body.reason } as const
      const [from, by] = [answererOf(request), actorOf(request)]
      return answerDecision(reply, await answerRequest(deps.db, request.params.id, answer, from, by, deps))
    },
  )
}
