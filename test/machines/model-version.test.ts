import { describe, expect, it } from 'vitest'
import { beginLifecycle, decide, type Lifecycle, stageOf, stateOf } from '../../src/machines/decide.ts'
import {
  type ModelVersionContext,
  type ModelVersionEffect,
  type ModelVersionEvent,
  modelVersionMachine,
  type Suite,
} from '../../src/machines/model-version.ts'
import { deepFreeze, nameOf, statesOf, valueNamed } from './stored.ts'

const nothing: ModelVersionContext = { validationId: null, requestId: null, validated: false, served: false }
const running = { ...nothing, validationId: 'open' }
const asking = { ...nothing, requestId: 'open', validated: true }

/** Every state with the context it usually has, and again where a guard looks at the context. */
const situations: Record<string, ModelVersionContext> = {
  'None.validating': running,
  'None.rejected': nothing,
  'None.stuck': nothing,
  'None.idle': nothing,
  'Staging.testing': { ...running, validated: true },
  'Staging.testing, all checks': running,
  'Staging.awaitingApproval': asking,
  'Staging.awaitingApproval, not validated': { ...asking, validated: false },
  'Staging.ready': { ...nothing, validated: true },
  'Staging.ready, not validated': nothing,
  'Staging.declined': { ...nothing, validated: true },
  'Staging.expired': { ...nothing, validated: true },
  'Staging.unfit': { ...nothing, validated: true },
  'Staging.unfit, not validated': nothing,
  'Staging.stuck': { ...nothing, validated: true },
  'Staging.stuck, not validated': nothing,
  'Production.live': { ...nothing, validated: true, served: true },
  'Archived.retired': { ...nothing, validated: true },
  'Archived.retired, not validated': nothing,
  'Archived.retired, has served': { ...nothing, validated: true, served: true },
  'Archived.retired, has served, not validated': { ...nothing, served: true },
}

/** Every event, and again for each fact that a guard or an action looks at. */
const events = {
  validationPassed: {
    type: 'validationPassed',
    validationId: 'open',
    gate: 'approved',
    current: true,
    freshId: 'fresh',
  },
  'validationPassed, outdated': {
    type: 'validationPassed',
    validationId: 'open',
    gate: 'approved',
    current: false,
    freshId: 'fresh',
  },
  'validationPassed, no gate': {
    type: 'validationPassed',
    validationId: 'open',
    gate: 'none',
    current: true,
    freshId: 'fresh',
  },
  'validationPassed, old': {
    type: 'validationPassed',
    validationId: 'old',
    gate: 'approved',
    current: true,
    freshId: 'fresh',
  },
  'validationPassed, old, no gate': {
    type: 'validationPassed',
    validationId: 'old',
    gate: 'none',
    current: true,
    freshId: 'fresh',
  },
  validationFailed: { type: 'validationFailed', validationId: 'open' },
  'validationFailed, old': { type: 'validationFailed', validationId: 'old' },
  validationGaveUp: { type: 'validationGaveUp', validationId: 'open' },
  'validationGaveUp, old': { type: 'validationGaveUp', validationId: 'old' },
  revalidate: { type: 'revalidate', freshId: 'fresh' },
  requestApproval: { type: 'requestApproval', current: true, freshId: 'fresh' },
  'requestApproval, outdated': { type: 'requestApproval', current: false, freshId: 'fresh' },
  approved: { type: 'approved', requestId: 'open', archiveExisting: true },
  'approved, beside the incumbent': { type: 'approved', requestId: 'open', archiveExisting: false },
  'approved, old': { type: 'approved', requestId: 'old', archiveExisting: true },
  declined: { type: 'declined', requestId: 'open' },
  'declined, old': { type: 'declined', requestId: 'old' },
  expired: { type: 'expired', requestId: 'open' },
  'expired, old': { type: 'expired', requestId: 'old' },
  withdrawn: { type: 'withdrawn', requestId: 'open' },
  'withdrawn, old': { type: 'withdrawn', requestId: 'old' },
  stale: { type: 'stale', requestId: 'open' },
  'stale, old': { type: 'stale', requestId: 'old' },
  superseded: { type: 'superseded', by: 2 },
  archive: { type: 'archive' },
  restore: { type: 'restore' },
  rollback: { type: 'rollback', reason: 'the new one sells nothing' },
  'rollback, no reason': { type: 'rollback', reason: ' \n' },
  'move to None': { type: 'move', to: 'None', gate: 'none', archiveExisting: true },
  'move to Staging': { type: 'move', to: 'Staging', gate: 'none', archiveExisting: true },
  'move to Production': { type: 'move', to: 'Production', gate: 'none', archiveExisting: true },
  'move to Production, beside the incumbent': {
    type: 'move',
    to: 'Production',
    gate: 'none',
    archiveExisting: false,
  },
  'move to Archived': { type: 'move', to: 'Archived', gate: 'none', archiveExisting: true },
  'move to None, gated': { type: 'move', to: 'None', gate: 'approved', archiveExisting: true },
  'move to Staging, gated': { type: 'move', to: 'Staging', gate: 'approved', archiveExisting: true },
  'move to Production, gated': { type: 'move', to: 'Production', gate: 'approved', archiveExisting: true },
  'move to Archived, gated': { type: 'move', to: 'Archived', gate: 'approved', archiveExisting: true },
} as const satisfies Record<string, ModelVersionEvent>

type Facts = Partial<Pick<ModelVersionContext, 'validated' | 'served'>>
type Move = { to: string; effects: ModelVersionEffect[]; facts: Facts }
const to = (state: string, effects: ModelVersionEffect[] = [], facts: Facts = {}): Move => ({
  to: state,
  effects,
  facts,
})

const starts = (suite: Suite): ModelVersionEffect => ({
  type: 'startValidation',
  validationId: 'fresh',
  suite,
})
const cancels: ModelVersionEffect = { type: 'cancelValidation', validationId: 'open' }
const asks: ModelVersionEffect = { type: 'openRequest', requestId: 'fresh', validationId: 'open' }
const withdraws: ModelVersionEffect = { type: 'withdrawRequest', requestId: 'open' }
const archives: ModelVersionEffect = { type: 'archiveIncumbents' }

type EventName = keyof typeof events
type Row = Partial<Record<EventName, Move>>
const moves = (...abandoned: ModelVersionEffect[]): Row => ({
  'move to None': to('None.idle', abandoned),
  'move to Staging': to('Staging.ready', abandoned),
  'move to Production': to('Production.live', [...abandoned, archives], { served: true }),
  'move to Production, beside the incumbent': to('Production.live', abandoned, { served: true }),
  'move to Archived': to('Archived.retired', abandoned),
})
const revalidates: Row = { revalidate: to('None.validating', [starts('validate')], { validated: false }) }
const mayValidate: Row = { ...revalidates, archive: to('Archived.retired'), ...moves() }
const tests: Row = {
  validationPassed: to('Staging.awaitingApproval', [asks], { validated: true }),
  'validationPassed, outdated': to('Staging.testing', [starts('all')], { validated: false }),
  'validationPassed, no gate': to('Staging.ready', [], { validated: true }),
  validationFailed: to('Staging.unfit'),
  validationGaveUp: to('Staging.stuck'),
  archive: to('Archived.retired', [cancels]),
  ...moves(cancels),
}
const answers: Row = {
  declined: to('Staging.declined'),
  expired: to('Staging.expired'),
  withdrawn: to('Staging.ready'),
  stale: to('Staging.ready'),
  revalidate: to('Staging.testing', [withdraws, starts('all')], { validated: false }),
  archive: to('Archived.retired', [withdraws]),
  ...moves(withdraws),
}
const mayAsk: Row = {
  requestApproval: to('Staging.testing', [starts('test')]),
  'requestApproval, outdated': to('Staging.testing', [starts('all')], { validated: false }),
  revalidate: to('Staging.testing', [starts('all')], { validated: false }),
  archive: to('Archived.retired'),
  ...moves(),
}
const mustValidateFirst: Row = { ...mayAsk, requestApproval: to('Staging.testing', [starts('all')]) }
const rollsBack: Row = { rollback: to('Production.live', [archives]) }
const restores: Row = { restore: to('Staging.ready') }
const retired = (more: Row): Row => ({ ...revalidates, ...more, ...moves() })

/** All that is accepted; what is not here must be refused. */
const accepted: Record<string, Row> = {
  'None.validating': {
    validationPassed: to('Staging.testing', [starts('test')], { validated: true }),
    'validationPassed, outdated': to('Staging.testing', [starts('all')], { validated: false }),
    'validationPassed, no gate': to('Staging.ready', [], { validated: true }),
    validationFailed: to('None.rejected'),
    validationGaveUp: to('None.stuck'),
    archive: to('Archived.retired', [cancels]),
    ...moves(cancels),
  },
  'None.rejected': mayValidate,
  'None.stuck': mayValidate,
  'None.idle': mayValidate,
  'Staging.testing': tests,
  'Staging.testing, all checks': tests,
  'Staging.awaitingApproval': {
    ...answers,
    approved: to('Production.live', [archives], { served: true }),
    'approved, beside the incumbent': to('Production.live', [], { served: true }),
  },
  'Staging.awaitingApproval, not validated': answers,
  'Staging.ready': mayAsk,
  'Staging.ready, not validated': mustValidateFirst,
  'Staging.declined': mayAsk,
  'Staging.expired': mayAsk,
  'Staging.unfit': mayAsk,
  'Staging.unfit, not validated': mustValidateFirst,
  'Staging.stuck': mayAsk,
  'Staging.stuck, not validated': mustValidateFirst,
  'Production.live': { superseded: to('Archived.retired'), archive: to('Archived.retired'), ...moves() },
  'Archived.retired': retired(restores),
  'Archived.retired, not validated': retired({}),
  'Archived.retired, has served': retired({ ...restores, ...rollsBack }),
  'Archived.retired, has served, not validated': retired(rollsBack),
}

function lifecycleIn(situation: string, context: ModelVersionContext): Lifecycle {
  const [state = ''] = situation.split(',')
  return deepFreeze({ value: valueNamed(state), context })
}

function contextAfter(move: Move, before: ModelVersionContext): ModelVersionContext {
  const validates = move.to === 'None.validating' || move.to === 'Staging.testing'
  return {
    ...before,
    ...move.facts,
    validationId: validates ? 'fresh' : null,
    requestId: move.to === 'Staging.awaitingApproval' ? 'fresh' : null,
  }
}

describe('the table of a model version', () => {
  it('speaks of every state and every event of the machine, and of no other', () => {
    const states = new Set(Object.keys(situations).map((situation) => situation.split(',')[0]))
    expect([...states]).toEqual(statesOf(modelVersionMachine))
    const types = new Set(Object.values(events).map((event) => event.type))
    expect([...types].sort()).toEqual([...modelVersionMachine.events].sort())
    expect(Object.keys(accepted)).toEqual(Object.keys(situations))
  })

  for (const [situation, context] of Object.entries(situations)) {
    describe(situation, () => {
      const lifecycle = lifecycleIn(situation, context)
      const row = accepted[situation] ?? {}

      it('refuses every event that its row does not list, naming its state', () => {
        for (const [name, event] of Object.entries(events)) {
          if (name in row) continue
          expect(decide(lifecycle, event), name).toStrictEqual({ kind: 'refused', state: stateOf(lifecycle) })
        }
      })

      for (const [name, move] of Object.entries(row))
        it(`${name} -> ${[move.to, ...move.effects.map((effect) => effect.type)].join(' + ')}`, () => {
          const next = { value: valueNamed(move.to), context: contextAfter(move, context) }
          const decision = decide(lifecycle, events[name as EventName])
          expect(decision).toStrictEqual({ kind: 'moved', next, effects: move.effects })
        })
    })
  }
})

describe('a lifecycle', () => {
  it('begins at rest where there is nothing to validate and nobody to ask', () => {
    expect(beginLifecycle(null)).toEqual({ next: { value: { None: 'idle' }, context: nothing }, effects: [] })
  })

  it('begins in None by starting the checks before Staging under the id it was given', () => {
    expect(beginLifecycle('first')).toEqual({
      next: { value: { None: 'validating' }, context: { ...nothing, validationId: 'first' } },
      effects: [{ type: 'startValidation', validationId: 'first', suite: 'validate' }],
    })
  })

  it('tells its stage and the state inside it', () => {
    for (const name of statesOf(modelVersionMachine)) {
      const lifecycle = { value: valueNamed(name), context: nothing }
      expect(`${stageOf(lifecycle)}.${stateOf(lifecycle)}`).toBe(name)
      expect(nameOf(lifecycle.value)).toBe(name)
    }
  })

  it('is not decided about when its stored state is unknown to the machine', () => {
    const strange = (value: Lifecycle['value']) => () =>
      decide({ value, context: nothing }, { type: 'archive' })
    expect(strange({ Staging: 'lost' })).toThrow(/lost/)
    expect(strange('Limbo')).toThrow(/Limbo/)
    expect(() => stageOf({ value: { Limbo: 'lost' }, context: nothing })).toThrow(/unknown stage/)
    expect(() => stateOf({ value: 'None', context: nothing })).toThrow(/unknown state/)
  })
})
