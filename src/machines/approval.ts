import { assign, setup } from 'xstate'
import { type AnswerFacts, completesQuorum, isExpired, type RequestFacts, refusalOf } from './rules.ts'

/** The version of this machine's shape; a stored snapshot of another version is migrated or refused. */
export const approvalMachineVersion = 1

/** How an approval request can stand; all but `pending` are final. */
export type ApprovalState = 'pending' | 'approved' | 'declined' | 'expired' | 'withdrawn' | 'stale'

export type ApprovalContext = RequestFacts & { declinedBy: string | null }

export type ApprovalEvent =
  | ({ type: 'approve' } & AnswerFacts)
  | ({ type: 'decline' } & AnswerFacts)
  | { type: 'deadlinePassed'; now: number }
  | { type: 'withdraw' }
  | { type: 'pinBroken' }

/**
 * One question to people. Counts distinct approvals towards the quorum; one decline ends it; what was
 * pinned when it was asked may break, and then it is stale. Pure: the time and the person's rights
 * arrive inside the event.
 */
export const approvalMachine = setup({
  types: {
    context: {} as ApprovalContext,
    events: {} as ApprovalEvent,
    input: {} as Omit<RequestFacts, 'approvedBy'>,
  },
  guards: {
    mayAnswer: ({ context }, answer: AnswerFacts) => refusalOf(context, answer) === null,
    mayAnswerLast: ({ context }, answer: AnswerFacts) =>
      refusalOf(context, answer) === null && completesQuorum(context),
    deadlinePassed: ({ context }, at: { now: number }) => isExpired(context, at.now),
  },
  actions: {
    countApproval: assign({
      approvedBy: ({ context }, answer: { principal: string }) => [...context.approvedBy, answer.principal],
    }),
    noteDecline: assign({ declinedBy: (_, answer: { principal: string }) => answer.principal }),
  },
}).createMachine({
  id: 'approval',
  context: ({ input }) => ({ ...input, approvedBy: [], declinedBy: null }),
  initial: 'pending',
  states: {
    pending: {
      on: {
        approve: [
          {
            guard: { type: 'mayAnswerLast', params: ({ event }) => event },
            target: 'approved',
            actions: { type: 'countApproval', params: ({ event }) => event },
          },
          {
            guard: { type: 'mayAnswer', params: ({ event }) => event },
            actions: { type: 'countApproval', params: ({ event }) => event },
          },
        ],
        decline: {
          guard: { type: 'mayAnswer', params: ({ event }) => event },
          target: 'declined',
          actions: { type: 'noteDecline', params: ({ event }) => event },
        },
        deadlinePassed: {
          guard: { type: 'deadlinePassed', params: ({ event }) => event },
          target: 'expired',
        },
        withdraw: { target: 'withdrawn' },
        pinBroken: { target: 'stale' },
      },
    },
    approved: { type: 'final' },
    declined: { type: 'final' },
    expired: { type: 'final' },
    withdrawn: { type: 'final' },
    stale: { type: 'final' },
  },
})
