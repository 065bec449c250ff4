// Random walks of a model version, seen by an observer who knows only events and effects: what the
// properties compare the machine with is never read from the machine's own context.
import fc from 'fast-check'
import { transition } from 'xstate'
import { beginLifecycle, type Decision, type Lifecycle, stageOf, stateOf } from '../../src/machines/decide.ts'
import {
  type ModelVersionEffect,
  type ModelVersionEvent,
  type modelVersionMachine,
  type Stage,
  type Suite,
  stages,
} from '../../src/machines/model-version.ts'

export type Decide = (lifecycle: Lifecycle, event: ModelVersionEvent) => Decision

/** What has been seen so far: what is under way, and what the version has come through. */
export type Seen = {
  validation: { id: string; suite: Suite } | null
  request: string | null
  /** The checks before Staging have passed, and no later run of them has been started. */
  valid: boolean
  served: boolean
}

export type Step = {
  event: ModelVersionEvent
  before: Lifecycle
  seen: Seen
  decision: Decision
  after: Lifecycle
  seenAfter: Seen
}

/** One step of a plan; `of` says which id the event will name once it is known which are open. */
type Planned = { event: ModelVersionEvent; of: 'open' | 'past' | 'foreign' }

/** An event of these parts, drawn `weight` times as often as one of weight 1. */
function often<T>(weight: number, parts: { [K in keyof T]: fc.Arbitrary<T[K]> }) {
  return { weight, arbitrary: fc.record(parts) as fc.Arbitrary<T> }
}

const gate = fc.constantFrom('approved', 'approved', 'approved', 'none')
const current = fc.constantFrom(true, true, true, false)
// Replaced when the walk knows which ids there are.
const id = fc.constant('')
const event: fc.Arbitrary<ModelVersionEvent> = fc.oneof(
  often(6, { type: fc.constant('validationPassed'), validationId: id, gate, current, freshId: id }),
  often(2, { type: fc.constantFrom('validationFailed', 'validationGaveUp'), validationId: id }),
  often(2, { type: fc.constant('revalidate'), freshId: id }),
  often(3, { type: fc.constant('requestApproval'), current, freshId: id }),
  often(4, { type: fc.constant('approved'), requestId: id, archiveExisting: fc.boolean() }),
  often(2, { type: fc.constantFrom('declined', 'expired', 'withdrawn', 'stale'), requestId: id }),
  often(1, { type: fc.constant('superseded'), by: fc.nat(9) }),
  often(1, { type: fc.constantFrom('archive', 'restore') }),
  often(1, { type: fc.constant('rollback'), reason: fc.constantFrom('it sells nothing', '', ' ') }),
  often(1, {
    type: fc.constant('move'),
    to: fc.constantFrom(...stages),
    gate,
    archiveExisting: fc.boolean(),
  }),
)
const planned: fc.Arbitrary<Planned> = fc.record({
  event,
  of: fc.oneof(
    { weight: 4, arbitrary: fc.constant('open' as const) },
    { weight: 1, arbitrary: fc.constantFrom('past' as const, 'foreign' as const) },
  ),
})

/** Plans of up to 25 events; results mostly name what is open, and sometimes what is over or never was. */
export const plans: fc.Arbitrary<Planned[]> = fc.array(planned, { maxLength: 25, size: 'max' })

/** Lets one model version live through a plan. *Pure* when `decide` is. */
export function walk(decide: Decide, plan: Planned[]): Step[] {
  const begun = beginLifecycle('v0')
  let before = begun.next
  let seen = noteEffects({ validation: null, request: null, valid: false, served: false }, begun.effects)
  const past: string[] = ['v0']
  return plan.map(({ event: template, of }, at) => {
    const event = withIds(template, of, seen, past, `id${at}`)
    const decision = decide(before, event)
    const after = decision.kind === 'moved' ? decision.next : before
    const seenAfter = decision.kind === 'moved' ? note(seen, event, decision) : seen
    past.push(`id${at}`)
    const step = { event, before, seen, decision, after, seenAfter }
    before = after
    seen = seenAfter
    return step
  })
}

function withIds(
  event: ModelVersionEvent,
  of: Planned['of'],
  seen: Seen,
  past: string[],
  freshId: string,
): ModelVersionEvent {
  const named = (open: string | undefined | null) => {
    if (of === 'open') return open ?? 'nothing-open'
    return of === 'foreign' ? 'foreign' : (past.findLast((known) => known !== open) ?? 'foreign')
  }
  const ids = {
    ...('validationId' in event && { validationId: named(seen.validation?.id) }),
    ...('requestId' in event && { requestId: named(seen.request) }),
    ...('freshId' in event && { freshId }),
  }
  return { ...event, ...ids }
}

function note(seen: Seen, event: ModelVersionEvent, moved: Decision & { kind: 'moved' }): Seen {
  const next = { ...seen, served: seen.served || stageOf(moved.next) === 'Production' }
  if (isResultOf(event, 'validationId', seen.validation?.id)) {
    next.validation = null
    if (event.type === 'validationPassed') next.valid = seen.valid || seen.validation?.suite !== 'test'
  }
  if (isResultOf(event, 'requestId', seen.request)) next.request = null
  return noteEffects(next, moved.effects)
}

function noteEffects(seen: Seen, effects: ModelVersionEffect[]): Seen {
  const next = { ...seen }
  for (const effect of effects) {
    if (effect.type === 'cancelValidation' && effect.validationId === next.validation?.id)
      next.validation = null
    if (effect.type === 'withdrawRequest' && effect.requestId === next.request) next.request = null
    if (effect.type === 'openRequest') next.request = effect.requestId
    if (effect.type === 'startValidation') {
      next.validation = { id: effect.validationId, suite: effect.suite }
      next.valid &&= effect.suite === 'test'
    }
  }
  return next
}

/** Tells whether the event is a result that names this open validation or request. *Pure.* */
export function isResultOf(
  event: ModelVersionEvent,
  key: 'validationId' | 'requestId',
  open: string | undefined | null,
): boolean {
  return key in event && (event as Record<string, unknown>)[key] === open
}

/** Names the state after a step. *Pure.* */
export const stateAfter = (step: Step): `${Stage}.${string}` =>
  `${stageOf(step.after)}.${stateOf(step.after)}`

/** A `decide` over another machine of the same shape: for variants that are broken on purpose. */
export function decideWith(machine: typeof modelVersionMachine): Decide {
  return (lifecycle, event) => {
    const snapshot = machine.resolveState(lifecycle)
    if (!snapshot.can(event)) return { kind: 'refused', state: stateOf(lifecycle) }
    const [next, actions]: [typeof snapshot, { type: string; params?: unknown }[]] = transition(
      machine,
      snapshot,
      event,
    )
    const emitted = actions.filter((action) => action.type === 'xstate.emit')
    const effects = emitted.map((action) => (action.params as { event: ModelVersionEffect }).event)
    return { kind: 'moved', next: { value: next.value, context: next.context }, effects }
  }
}
