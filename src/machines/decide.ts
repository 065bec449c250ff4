import { initialTransition, type StateValue, transition } from 'xstate'
import { type ApprovalContext, type ApprovalEvent, type ApprovalState, approvalMachine } from './approval.ts'
import {
  type ModelVersionContext,
  type ModelVersionEffect,
  type ModelVersionEvent,
  modelVersionMachine,
  type Stage,
  stages,
} from './model-version.ts'
import type { RequestFacts } from './rules.ts'

/** A model version's lifecycle as it is stored: plain data, never a live snapshot. */
export type Lifecycle = { value: StateValue; context: ModelVersionContext }

/** An approval request as it is stored. */
export type Approval = { value: ApprovalState; context: ApprovalContext }

/** What a lifecycle answers to an event: it moves, with effects as data, or it does not accept it. */
export type Decision =
  | { kind: 'moved'; next: Lifecycle; effects: ModelVersionEffect[] }
  | { kind: 'refused'; state: string }

/**
 * A lifecycle's first state, and the effects of being registered: the validation `freshId` begins, or with null, where
 * there is nothing to validate and nobody to ask, none does. *Pure.*
 */
export function beginLifecycle(freshId: string | null): { next: Lifecycle; effects: ModelVersionEffect[] } {
  const [snapshot, actions] = initialTransition(modelVersionMachine, { freshId })
  const { context } = snapshot
  if (freshId !== null) return { next: { value: snapshot.value, context }, effects: effectsIn(actions) }
  const { value } = modelVersionMachine.resolveState({ value: { None: 'idle' }, context })
  return { next: { value, context }, effects: [] }
}

/** Tells one event to a stored lifecycle. *Pure.* Throws when the stored state is unknown to the machine. */
export function decide(lifecycle: Lifecycle, event: ModelVersionEvent): Decision {
  const snapshot = modelVersionMachine.resolveState(lifecycle)
  // An event that no state accepts would come back as the same snapshot, silently.
  if (!snapshot.can(event)) return { kind: 'refused', state: stateOf(lifecycle) }
  const [next, actions] = transition(modelVersionMachine, snapshot, event)
  return {
    kind: 'moved',
    next: { value: next.value, context: next.context },
    effects: effectsIn(actions),
  }
}

/** An approval request's first state. *Pure.* */
export function beginApproval(rules: Omit<RequestFacts, 'approvedBy'>): Approval {
  const [snapshot] = initialTransition(approvalMachine, rules)
  return { value: snapshot.value, context: snapshot.context }
}

/** Tells one event to a stored approval request; null when its state does not accept it. *Pure.* */
export function decideApproval(approval: Approval, event: ApprovalEvent): Approval | null {
  const snapshot = approvalMachine.resolveState(approval)
  if (!snapshot.can(event)) return null
  const [next] = transition(approvalMachine, snapshot, event)
  return { value: next.value, context: next.context }
}

/** The stage a lifecycle is in. *Pure.* */
export function stageOf(lifecycle: Lifecycle): Stage {
  const top = typeof lifecycle.value === 'string' ? lifecycle.value : Object.keys(lifecycle.value)[0]
  const stage = stages.find((known) => known === top)
  if (stage === undefined)
    throw new Error(`lifecycle in an unknown stage: ${JSON.stringify(lifecycle.value)}`)
  return stage
}

/** The finer state inside the stage, for example `awaitingApproval`. *Pure.* */
export function stateOf(lifecycle: Lifecycle): string {
  const inner = typeof lifecycle.value === 'string' ? undefined : Object.values(lifecycle.value)[0]
  if (typeof inner !== 'string')
    throw new Error(`lifecycle in an unknown state: ${JSON.stringify(lifecycle.value)}`)
  return inner
}

// Effects come back as xstate.emit; everything else that may legally appear has been consumed by the
// transition itself (assign, a raise without delay), and the rest is forbidden in these machines.
function effectsIn(actions: readonly { type: string; params?: unknown }[]): ModelVersionEffect[] {
  return actions.flatMap((action) => {
    if (action.type !== 'xstate.emit') throw new Error(`action not allowed in a pure machine: ${action.type}`)
    return [(action.params as { event: ModelVersionEffect }).event]
  })
}
