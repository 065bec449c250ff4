// What holds of every approval request, whatever it is told. Each property is also run against
// machines that are broken on purpose, where it must be found violated.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign, transition } from 'xstate'
import { type ApprovalEvent, approvalMachine } from '../../src/machines/approval.ts'
import { type Approval, beginApproval, decideApproval } from '../../src/machines/decide.ts'
import { deepFreeze, statesOf, throughJson } from './stored.ts'

type Decide = typeof decideApproval
type Rules = Parameters<typeof beginApproval>[0]
type Step = { event: ApprovalEvent; before: Approval; after: Approval | null }
type Property = {
  rule: string
  holds: (rules: Rules, steps: Step[]) => boolean
  broken: Record<string, Decide>
}

const numRuns = 2_000
const deadline = 10

const rules: fc.Arbitrary<Rules> = fc.record({
  quorum: fc.integer({ min: 1, max: 3 }),
  selfApproval: fc.boolean(),
  expiresAt: fc.constantFrom(deadline, null),
})
const answer = fc.record({
  type: fc.constantFrom('approve', 'approve', 'approve', 'approve', 'decline'),
  principal: fc.constantFrom('ann', 'bob', 'cem', 'dia'),
  isApprover: fc.constantFrom(true, true, true, false),
  isAuthor: fc.constantFrom(false, false, false, true),
  now: fc.integer({ min: 5, max: 12 }),
})
const end: fc.Arbitrary<ApprovalEvent> = fc.oneof(
  fc.record({ type: fc.constant('deadlinePassed'), now: fc.integer({ min: 5, max: 12 }) }),
  fc.record({ type: fc.constantFrom('withdraw', 'pinBroken') }),
)
const events: fc.Arbitrary<ApprovalEvent[]> = fc.array(
  fc.oneof({ weight: 12, arbitrary: answer }, { weight: 1, arbitrary: end }),
  { maxLength: 12, size: 'max' },
)

function walk(decide: Decide, begun: Approval, told: ApprovalEvent[]): Step[] {
  let before = begun
  return told.map((event) => {
    const step = { event, before, after: decide(before, event) }
    before = step.after ?? before
    return step
  })
}

const outcomeOf = (steps: Step[]) => steps.findLast((step) => step.after !== null)?.after?.value ?? 'pending'
const taken = (steps: Step[], type: ApprovalEvent['type']) =>
  steps.flatMap((step) => (step.after !== null && step.event.type === type ? [step.event] : []))

/** What makes an answer count, counted by hand. */
function counts(event: ApprovalEvent, { selfApproval, expiresAt }: Rules): boolean {
  if (event.type !== 'approve' && event.type !== 'decline') return false
  const inTime = expiresAt === null || event.now < expiresAt
  return event.isApprover && (selfApproval || !event.isAuthor) && inTime
}

function decideWith(machine: typeof approvalMachine): Decide {
  return (approval, event) => {
    const snapshot = machine.resolveState(approval)
    if (!snapshot.can(event)) return null
    const [next] = transition(machine, snapshot, event)
    return { value: next.value, context: next.context }
  }
}
const withGuards = (guards: Parameters<typeof approvalMachine.provide>[0]['guards']) =>
  decideWith(approvalMachine.provide({ guards }))
const withActions = (actions: Parameters<typeof approvalMachine.provide>[0]['actions']) =>
  decideWith(approvalMachine.provide({ actions }))
const inTime = (context: Rules, now: number) => context.expiresAt === null || now < context.expiresAt

const properties: Property[] = [
  {
    rule: 'the quorum: approved exactly when that many different people have approved',
    holds: (asked, steps) => {
      const people = new Set(taken(steps, 'approve').map((event) => 'principal' in event && event.principal))
      return outcomeOf(steps) === 'approved' ? people.size === asked.quorum : people.size < asked.quorum
    },
    broken: {
      'is content with one': withGuards({ mayAnswerLast: () => true }),
      'counts the same person twice': withGuards({
        mayAnswer: ({ context }, of) => of.isApprover && inTime(context, of.now),
        mayAnswerLast: ({ context }, of) =>
          of.isApprover && inTime(context, of.now) && context.approvedBy.length + 1 >= context.quorum,
      }),
      'never ends': withGuards({ mayAnswerLast: () => false }),
    },
  },
  {
    rule: 'V5: only approvers count, in time, and authors only where policy allows it',
    holds: (asked, steps) =>
      [...taken(steps, 'approve'), ...taken(steps, 'decline')].every((event) => counts(event, asked)),
    broken: {
      'asks nothing of who answers': withGuards({ mayAnswer: () => true }),
      'asks nothing of who answers last': withGuards({ mayAnswerLast: () => true }),
      'lets authors approve': withGuards({
        mayAnswer: ({ context }, of) => of.isApprover && inTime(context, of.now),
      }),
      'takes answers at the deadline': withGuards({
        mayAnswer: ({ context }, of) =>
          of.isApprover && !of.isAuthor && of.now <= (context.expiresAt ?? of.now),
      }),
    },
  },
  {
    rule: 'an answer that counts: is never refused to a person who has not answered, while pending',
    holds: (asked, steps) =>
      steps.every(({ event, before, after }) => {
        if (before.value !== 'pending' || !counts(event, asked) || !('principal' in event)) return true
        return after !== null || before.context.approvedBy.includes(event.principal)
      }),
    broken: { 'takes no answers': withGuards({ mayAnswer: () => false, mayAnswerLast: () => false }) },
  },
  {
    rule: 'V4: one outcome, the first',
    holds: (_, steps) => {
      const ended = steps.findIndex((step) => step.after !== null && step.after.value !== 'pending')
      return ended === -1 || steps.slice(ended + 1).every((step) => step.after === null)
    },
    broken: {
      'reopens when it is declined': (approval, event) =>
        approval.value === 'declined'
          ? decideApproval({ ...approval, value: 'pending' }, event)
          : decideApproval(approval, event),
    },
  },
  {
    rule: 'one decline: ends it, and names who declined; nobody is named otherwise',
    holds: (_, steps) => {
      const last = steps.at(-1)
      const [decline] = taken(steps, 'decline')
      const declinedBy = (last?.after ?? last?.before)?.context.declinedBy ?? null
      if (decline === undefined) return outcomeOf(steps) !== 'declined' && declinedBy === null
      return outcomeOf(steps) === 'declined' && 'principal' in decline && decline.principal === declinedBy
    },
    broken: { 'forgets who declined': withActions({ noteDecline: () => {} }) },
  },
  {
    rule: 'the deadline: nothing expires before it, nor where there is none',
    holds: (asked, steps) =>
      taken(steps, 'deadlinePassed').every(
        (event) => asked.expiresAt !== null && 'now' in event && event.now >= asked.expiresAt,
      ),
    broken: {
      'trusts the alarm': withGuards({ deadlinePassed: () => true }),
      'expires a millisecond early': withGuards({
        deadlinePassed: ({ context }, at) => context.expiresAt !== null && at.now >= context.expiresAt - 1,
      }),
    },
  },
]

const check = (decide: Decide, holds: Property['holds'], seed?: number) =>
  fc.check(
    fc.property(rules, events, (asked, told) => holds(asked, walk(decide, beginApproval(asked), told))),
    { numRuns, ...(seed !== undefined && { seed }) },
  )

describe('the properties of an approval request', () => {
  it('are tried on walks that visit every state', () => {
    const visited = fc
      .sample(fc.tuple(rules, events), { numRuns, seed: 1 })
      .map(([asked, told]) => outcomeOf(walk(decideApproval, beginApproval(asked), told)))
    expect([...new Set(visited)].sort()).toEqual(statesOf(approvalMachine).sort())
  })

  for (const { rule, holds, broken } of properties) {
    it(rule, () => {
      expect(fc.defaultReportMessage(check(decideApproval, holds))).toBeUndefined()
    })
    for (const [fault, decideWrongly] of Object.entries(broken))
      it(`${rule.split(':')[0]} would be found violated if the machine ${fault}`, () => {
        // A fixed seed: that the fault is found must not be a matter of luck.
        const { errorInstance } = check(decideWrongly, holds, 1)
        expect(String(errorInstance)).toContain('Property failed by returning false')
      })
  }
})

describe('the order of approvals', () => {
  const approval = fc.record({
    type: fc.constant('approve'),
    principal: fc.constantFrom('ann', 'bob', 'cem', 'dia'),
    isApprover: fc.constant(true),
    isAuthor: fc.constant(false),
    now: fc.integer({ min: 0, max: deadline - 1 }),
  })
  const orders = fc
    .array(approval, { maxLength: 6 })
    .chain((told) => fc.tuple(fc.constant(told), fc.shuffledSubarray(told, { minLength: told.length })))
  const isAlike = (decide: Decide) =>
    fc.check(
      fc.property(rules, orders, (asked, [told, reordered]) => {
        const begun = beginApproval(asked)
        return outcomeOf(walk(decide, begun, told)) === outcomeOf(walk(decide, begun, reordered))
      }),
      { numRuns },
    )

  it('does not matter before the deadline', () => {
    expect(fc.defaultReportMessage(isAlike(decideApproval))).toBeUndefined()
  })

  it('would matter if somebody had a veto by being first', () => {
    const veto = withGuards({
      mayAnswerLast: ({ context }, of) => of.principal === 'ann' && context.approvedBy.length > 0,
    })
    expect(isAlike(veto).failed).toBe(true)
  })
})

describe('deciding about an approval request', () => {
  const isPure = (decide: Decide) =>
    fc.check(
      fc.property(rules, events, (asked, told) =>
        walk(decideApproval, beginApproval(asked), told).every(({ before, event }) => {
          const [approval, heard] = [deepFreeze(throughJson(before)), deepFreeze(throughJson(event))]
          const next = decide(approval, heard)
          return (
            isDeepStrictEqual(decide(approval, heard), next) && isDeepStrictEqual(throughJson(next), next)
          )
        }),
      ),
      { numRuns },
    )

  it('is pure, and its answer survives JSON', () => {
    expect(fc.defaultReportMessage(isPure(decideApproval))).toBeUndefined()
  })

  it('would not be, if it counted in place or kept what JSON cannot', () => {
    const inPlace: Decide = (approval, event) => {
      const next = decideApproval(approval, event)
      if (next?.value === 'approved') (approval.context.approvedBy as string[]).push('ann')
      return next
    }
    const gaps = withActions({ noteDecline: assign({ declinedBy: () => undefined as unknown as null }) })
    expect(isPure(inPlace).failed).toBe(true)
    expect(isPure(gaps).failed).toBe(true)
  })
})
