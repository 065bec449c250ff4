import { describe, expect, it } from 'vitest'
import {
  type ApprovalContext,
  type ApprovalEvent,
  type ApprovalState,
  approvalMachine,
} from '../../src/machines/approval.ts'
import { type Approval, beginApproval, decideApproval } from '../../src/machines/decide.ts'
import { type AnswerFacts, explainRefusal, refusalOf } from '../../src/machines/rules.ts'
import { deepFreeze, statesOf } from './stored.ts'

const deadline = 1_000_000
const asked: ApprovalContext = {
  quorum: 1,
  selfApproval: false,
  expiresAt: deadline,
  approvedBy: [],
  declinedBy: null,
}
const afterAnn = { ...asked, quorum: 2, approvedBy: ['ann'] }

/** Every state with the rules and answers that a guard looks at. */
const situations: Record<string, ApprovalContext> = {
  'pending, quorum 1': asked,
  'pending, quorum 2': { ...asked, quorum: 2 },
  'pending, quorum 2, after ann': afterAnn,
  'pending, quorum 3, after ann': { ...afterAnn, quorum: 3 },
  'pending, authors may approve': { ...asked, selfApproval: true },
  'pending, never expires': { ...asked, expiresAt: null },
  approved: { ...asked, approvedBy: ['ann'] },
  declined: { ...asked, declinedBy: 'bob' },
  expired: asked,
  withdrawn: asked,
  stale: asked,
}

const ann = { principal: 'ann', isApprover: true, isAuthor: false, now: deadline - 500 }
const bob = { ...ann, principal: 'bob' }
const author = { ...ann, principal: 'amy', isAuthor: true }
const stranger = { ...ann, principal: 'sid', isApprover: false }

/** Every event, and again for each fact that a guard looks at. */
const events = {
  'approve by ann': { type: 'approve', ...ann },
  'approve by bob': { type: 'approve', ...bob },
  'approve by bob, a millisecond before the deadline': { type: 'approve', ...bob, now: deadline - 1 },
  'approve by bob, at the deadline': { type: 'approve', ...bob, now: deadline },
  'approve by bob, after the deadline': { type: 'approve', ...bob, now: deadline + 1 },
  'approve by the author': { type: 'approve', ...author },
  'approve by no approver': { type: 'approve', ...stranger },
  'approve by an author who is no approver': { type: 'approve', ...author, isApprover: false },
  'decline by ann': { type: 'decline', ...ann },
  'decline by bob': { type: 'decline', ...bob },
  'decline by bob, a millisecond before the deadline': { type: 'decline', ...bob, now: deadline - 1 },
  'decline by bob, at the deadline': { type: 'decline', ...bob, now: deadline },
  'decline by the author': { type: 'decline', ...author },
  'decline by no approver': { type: 'decline', ...stranger },
  'deadlinePassed, a millisecond early': { type: 'deadlinePassed', now: deadline - 1 },
  'deadlinePassed, on time': { type: 'deadlinePassed', now: deadline },
  'deadlinePassed, late': { type: 'deadlinePassed', now: deadline + 1 },
  withdraw: { type: 'withdraw' },
  pinBroken: { type: 'pinBroken' },
} as const satisfies Record<string, ApprovalEvent>

type EventName = keyof typeof events
type Facts = Partial<Pick<ApprovalContext, 'approvedBy' | 'declinedBy'>>
type Row = Partial<Record<EventName, { to: ApprovalState } & Facts>>

const ends: Row = {
  'deadlinePassed, on time': { to: 'expired' },
  'deadlinePassed, late': { to: 'expired' },
  withdraw: { to: 'withdrawn' },
  pinBroken: { to: 'stale' },
}
const declinedByBob: Row = {
  'decline by bob': { to: 'declined', declinedBy: 'bob' },
  'decline by bob, a millisecond before the deadline': { to: 'declined', declinedBy: 'bob' },
}
const declines: Row = { 'decline by ann': { to: 'declined', declinedBy: 'ann' }, ...declinedByBob }
const approves = (to: ApprovalState, ...before: string[]): Row => ({
  'approve by bob': { to, approvedBy: [...before, 'bob'] },
  'approve by bob, a millisecond before the deadline': { to, approvedBy: [...before, 'bob'] },
})

/** All that is accepted; what is not here must be refused. */
const accepted: Record<string, Row> = {
  'pending, quorum 1': {
    'approve by ann': { to: 'approved', approvedBy: ['ann'] },
    ...approves('approved'),
    ...declines,
    ...ends,
  },
  'pending, quorum 2': {
    'approve by ann': { to: 'pending', approvedBy: ['ann'] },
    ...approves('pending'),
    ...declines,
    ...ends,
  },
  'pending, quorum 2, after ann': { ...approves('approved', 'ann'), ...declinedByBob, ...ends },
  'pending, quorum 3, after ann': { ...approves('pending', 'ann'), ...declinedByBob, ...ends },
  'pending, authors may approve': {
    'approve by ann': { to: 'approved', approvedBy: ['ann'] },
    'approve by the author': { to: 'approved', approvedBy: ['amy'] },
    'decline by the author': { to: 'declined', declinedBy: 'amy' },
    ...approves('approved'),
    ...declines,
    ...ends,
  },
  'pending, never expires': {
    'approve by ann': { to: 'approved', approvedBy: ['ann'] },
    'approve by bob, at the deadline': { to: 'approved', approvedBy: ['bob'] },
    'approve by bob, after the deadline': { to: 'approved', approvedBy: ['bob'] },
    'decline by bob, at the deadline': { to: 'declined', declinedBy: 'bob' },
    ...approves('approved'),
    ...declines,
    withdraw: { to: 'withdrawn' },
    pinBroken: { to: 'stale' },
  },
  approved: {},
  declined: {},
  expired: {},
  withdrawn: {},
  stale: {},
}

const approvalIn = (situation: string, context: ApprovalContext): Approval =>
  deepFreeze({ value: situation.split(',')[0] as ApprovalState, context })

describe('the table of an approval request', () => {
  it('speaks of every state and every event of the machine, and of no other', () => {
    const states = new Set(Object.keys(situations).map((situation) => situation.split(',')[0]))
    expect([...states]).toEqual(statesOf(approvalMachine))
    const types = new Set(Object.values(events).map((event) => event.type))
    expect([...types].sort()).toEqual([...approvalMachine.events].sort())
    expect(Object.keys(accepted)).toEqual(Object.keys(situations))
  })

  for (const [situation, context] of Object.entries(situations)) {
    describe(situation, () => {
      const approval = approvalIn(situation, context)
      const row = accepted[situation] ?? {}

      it('refuses every event that its row does not list', () => {
        for (const [name, event] of Object.entries(events)) {
          if (name in row) continue
          expect(decideApproval(approval, event), name).toBeNull()
        }
      })

      for (const [name, { to, ...facts }] of Object.entries(row))
        it(`${name} -> ${to}`, () => {
          const next = decideApproval(approval, events[name as EventName])
          expect(next).toStrictEqual({ value: to, context: { ...context, ...facts } })
        })
    })
  }
})

describe('an approval request', () => {
  it('begins pending with no answers, under the rules it was given', () => {
    const rules = { quorum: 2, selfApproval: true, expiresAt: null }
    expect(beginApproval(rules)).toEqual({
      value: 'pending',
      context: { ...rules, approvedBy: [], declinedBy: null },
    })
  })

  it('is not decided about when its stored state is unknown to the machine', () => {
    const value = 'lost' as ApprovalState
    expect(() => decideApproval({ value, context: asked }, { type: 'withdraw' })).toThrow(/lost/)
  })
})

describe('the reason of a refusal', () => {
  const refusals: [string, AnswerFacts, ReturnType<typeof refusalOf>][] = [
    ['an approver in time', bob, null],
    ['somebody without the right', stranger, 'notAnApprover'],
    ['the author', author, 'ownVersion'],
    ['an author without the right', { ...author, isApprover: false }, 'notAnApprover'],
    ['somebody at the deadline', { ...bob, now: deadline }, 'expired'],
    ['somebody who has approved', ann, 'alreadyAnswered'],
    ['somebody who has approved, after the deadline', { ...ann, now: deadline }, 'expired'],
  ]
  for (const [who, answer, reason] of refusals)
    it(`for ${who} is ${reason ?? 'none'}, and the machine agrees with it`, () => {
      expect(refusalOf(afterAnn, answer)).toBe(reason)
      for (const type of ['approve', 'decline'] as const) {
        const next = decideApproval({ value: 'pending', context: afterAnn }, { type, ...answer })
        expect(next === null).toBe(reason !== null)
      }
    })

  it('is a sentence of its own', () => {
    const sentences = (['notAnApprover', 'ownVersion', 'alreadyAnswered', 'expired'] as const).map(
      explainRefusal,
    )
    expect(new Set(sentences).size).toBe(4)
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*\.$/)
  })
})
