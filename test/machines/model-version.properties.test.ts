// What holds of every model version, whatever it is told. Each property is also run against machines
// that are broken on purpose, where it must be found violated.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign } from 'xstate'
import { decide, stageOf } from '../../src/machines/decide.ts'
import { modelVersionMachine } from '../../src/machines/model-version.ts'
import { deepFreeze, nameOf, statesOf, throughJson } from './stored.ts'
import { type Decide, decideWith, isResultOf, plans, type Step, stateAfter, walk } from './walks.ts'

const numRuns = 2_000

type Property = { rule: string; holds: (step: Step) => boolean; broken: Record<string, Decide> }

function check(decideOne: Decide, holds: Property['holds'], seed?: number) {
  const property = fc.property(plans, (plan) => walk(decideOne, plan).every(holds))
  return fc.check(property, { numRuns, ...(seed !== undefined && { seed }) })
}

const machine = modelVersionMachine
const withGuards = (guards: Parameters<typeof machine.provide>[0]['guards']) =>
  decideWith(machine.provide({ guards }))
const withActions = (actions: Parameters<typeof machine.provide>[0]['actions']) =>
  decideWith(machine.provide({ actions }))

const cancelling = ['cancelValidation', 'withdrawRequest']
const isOver = (step: Step) => {
  const isStaleResult = (key: 'validationId' | 'requestId', open: string | undefined | null) =>
    key in step.event && !isResultOf(step.event, key, open)
  return (
    isStaleResult('validationId', step.seen.validation?.id) || isStaleResult('requestId', step.seen.request)
  )
}

const properties: Property[] = [
  {
    rule: 'M1, V9: a result of what is not open is refused, and so changes nothing',
    holds: (step) => !isOver(step) || step.decision.kind === 'refused',
    broken: {
      'takes any validation for the open one': withGuards({ isOpenValidation: () => true }),
      'takes any validation where there is no gate': withGuards({
        passedUngated: (_, of) => of.gate === 'none',
      }),
      'takes any answer for that of the open request': withGuards({ isOpenRequest: () => true }),
      'takes any approval for that of the open request': withGuards({ mayBeApproved: () => true }),
    },
  },
  {
    rule: 'M2, V3: Production is entered by an approval of a valid version, a rollback, or a free move only',
    holds: ({ event, before, seen, decision }) => {
      if (decision.kind === 'refused' || stageOf(decision.next) !== 'Production') return true
      if (event.type === 'approved') return event.requestId === seen.request && seen.valid
      if (event.type === 'rollback')
        return stageOf(before) === 'Archived' && seen.served && event.reason.trim() !== ''
      return event.type === 'move' && event.gate === 'none' && event.to === 'Production'
    },
    broken: {
      'approves without looking at the request': withGuards({ mayBeApproved: () => true }),
      'rolls back what never served': withGuards({ mayRollBack: (_, of) => of.reason.trim() !== '' }),
      'rolls back without a reason': withGuards({ mayRollBack: ({ context }) => context.served }),
      'moves freely despite a gate': withGuards({ mayMoveTo: (_, of) => of.to === of.wanted }),
      'keeps a version valid that is checked anew': withActions({ forgetValidity: () => {} }),
    },
  },
  {
    rule: 'M3: what is under way is cancelled when its state is left for another reason, and only then',
    holds: ({ event, seen, decision, after, seenAfter }) => {
      if (decision.kind === 'refused') return true
      const cancelled = decision.effects.filter((effect) => cancelling.includes(effect.type))
      const expected = [
        ...(seen.validation !== null && !isResultOf(event, 'validationId', seen.validation.id)
          ? [{ type: 'cancelValidation', validationId: seen.validation.id }]
          : []),
        ...(seen.request !== null && !isResultOf(event, 'requestId', seen.request)
          ? [{ type: 'withdrawRequest', requestId: seen.request }]
          : []),
      ]
      return JSON.stringify(cancelled) === JSON.stringify(expected) && agrees(after, seenAfter)
    },
    broken: {
      'abandons silently': withActions({ abandonWork: assign({ validationId: null, requestId: null }) }),
      'cancels nothing and forgets nothing': withActions({ abandonWork: () => {} }),
      'keeps an answered request open': withActions({ closeRequest: () => {} }),
      'keeps a finished validation open': withActions({ closeValidation: () => {} }),
    },
  },
  {
    rule: 'what is under way: a validation exactly in the states that wait for one, a request exactly where one is awaited',
    holds: (step) => {
      const state = stateAfter(step)
      const runs = state === 'None.validating' || state === 'Staging.testing'
      const asks = state === 'Staging.awaitingApproval'
      return (step.seenAfter.validation !== null) === runs && (step.seenAfter.request !== null) === asks
    },
    broken: {
      'starts no tests': withActions({ startTests: () => {} }),
      'opens no request': withActions({ openRequest: () => {} }),
      'abandons silently': withActions({ abandonWork: assign({ validationId: null, requestId: null }) }),
    },
  },
  {
    rule: 'the order of stages: as they are drawn, but for a free move',
    holds: ({ event, before, after }) => {
      const way = `${stageOf(before)} -> ${stageOf(after)}`
      return event.type === 'move' || stageOf(before) === stageOf(after) || drawn.includes(way)
    },
    broken: {
      'skips Staging': (lifecycle, event) => {
        const decision = decide(lifecycle, event)
        if (decision.kind === 'refused' || event.type !== 'validationPassed') return decision
        return { ...decision, next: { ...decision.next, value: { Production: 'live' } } }
      },
    },
  },
  {
    rule: 'archival: whoever enters Production archives the incumbents when asked, a rollback always, nobody else ever',
    holds: ({ event, decision }) => {
      if (decision.kind === 'refused') return true
      const enters = stageOf(decision.next) === 'Production'
      const wanted =
        enters && (event.type === 'rollback' || ('archiveExisting' in event && event.archiveExisting))
      return (
        decision.effects.filter((effect) => effect.type === 'archiveIncumbents').length === (wanted ? 1 : 0)
      )
    },
    broken: { 'archives nobody': withActions({ archiveIncumbents: () => {} }) },
  },
]

const drawn = [
  'None -> Staging',
  'Staging -> Production',
  'None -> Archived',
  'Staging -> Archived',
  'Production -> Archived',
  'Archived -> None',
  'Archived -> Staging',
  'Archived -> Production',
]

/** The machine's own memory says what the observer saw. */
function agrees({ context }: Step['after'], seen: Step['seen']): boolean {
  return (
    context.validationId === (seen.validation?.id ?? null) &&
    context.requestId === seen.request &&
    context.served === seen.served &&
    context.validated === seen.valid
  )
}

describe('the properties of a model version', () => {
  it('are tried on walks that visit every state', () => {
    const visited = fc
      .sample(plans, { numRuns, seed: 1 })
      .flatMap((plan) => walk(decide, plan).map(stateAfter))
    expect([...new Set(visited)].sort()).toEqual(statesOf(machine).sort())
  })

  it('are tried on broken machines that differ from the whole one in nothing else', () => {
    const whole = decideWith(machine)
    const same = fc.property(plans, (plan) => {
      expect(walk(whole, plan)).toStrictEqual(walk(decide, plan))
    })
    fc.assert(same, { numRuns: 200 })
  })

  for (const { rule, holds, broken } of properties) {
    it(rule, () => {
      expect(fc.defaultReportMessage(check(decide, holds))).toBeUndefined()
    })
    for (const [fault, decideWrongly] of Object.entries(broken))
      it(`${rule.split(':')[0]} would be found violated if the machine ${fault}`, () => {
        // A fixed seed: that the fault is found must not be a matter of luck.
        const { errorInstance } = check(decideWrongly, holds, 1)
        expect(String(errorInstance)).toContain('Property failed by returning false')
      })
  }
})

describe('deciding about a model version', () => {
  const isPure = (decideOne: Decide) =>
    fc.check(
      fc.property(plans, (plan) =>
        walk(decide, plan).every(({ before, event }) => {
          const [lifecycle, told] = [deepFreeze(throughJson(before)), deepFreeze(throughJson(event))]
          return isDeepStrictEqual(decideOne(lifecycle, told), decideOne(lifecycle, told))
        }),
      ),
      { numRuns },
    )
  const survivesJson = (decideOne: Decide) =>
    fc.check(
      fc.property(plans, (plan) =>
        walk(decideOne, plan).every(
          ({ before, event, decision }) =>
            isDeepStrictEqual(throughJson(decision), decision) &&
            isDeepStrictEqual(decideOne(throughJson(before), event), decision),
        ),
      ),
      { numRuns },
    )

  it('is pure: the same twice gives the same, and what it is given stays as it was', () => {
    expect(fc.defaultReportMessage(isPure(decide))).toBeUndefined()
  })

  it('is not pure when it counts, or when it changes what it is given', () => {
    let count = 0
    const counts: Decide = (lifecycle) => ({
      kind: 'refused',
      state: `${nameOf(lifecycle.value)} ${count++}`,
    })
    const changes: Decide = (lifecycle, event) => {
      lifecycle.context.served = true
      return decide(lifecycle, event)
    }
    expect(isPure(counts).failed).toBe(true)
    expect(isPure(changes).failed).toBe(true)
  })

  it('goes on from a stored lifecycle as from one that was never stored', () => {
    expect(fc.defaultReportMessage(survivesJson(decide))).toBeUndefined()
  })

  it('would not, if the context held what JSON cannot', () => {
    const dates = withActions({ noteValid: assign({ validationId: () => new Date(0) as unknown as string }) })
    const gaps = withActions({ closeRequest: assign({ requestId: () => undefined as unknown as null }) })
    expect(survivesJson(dates).failed).toBe(true)
    expect(survivesJson(gaps).failed).toBe(true)
  })
})
