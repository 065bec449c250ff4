// Paths that the graph of each machine allows, walked again over stored data.
import { describe, expect, it } from 'vitest'
import type { SnapshotFrom } from 'xstate'
import { getShortestPaths, getSimplePaths, type StatePath } from 'xstate/graph'
import { type ApprovalEvent, approvalMachine } from '../../src/machines/approval.ts'
import { beginApproval, beginLifecycle, decide, decideApproval, stageOf } from '../../src/machines/decide.ts'
import {
  type ModelVersionEvent,
  modelVersionMachine,
  type Stage,
  stages,
} from '../../src/machines/model-version.ts'
import { nameOf, statesOf, throughJson } from './stored.ts'

type Snapshot = SnapshotFrom<typeof modelVersionMachine>

/** The stages that may follow a stage where the policy has a gate. */
const followers: Record<Stage, readonly Stage[]> = {
  None: ['Staging', 'Archived'],
  Staging: ['Production', 'Archived'],
  Production: ['Archived'],
  Archived: ['None', 'Staging', 'Production'],
}

function gatedEvents({ context }: Snapshot): ModelVersionEvent[] {
  const validationId = context.validationId ?? 'none'
  const requestId = context.requestId ?? 'none'
  return [
    { type: 'validationPassed', validationId, gate: 'approved', current: true, freshId: 'fresh' },
    { type: 'validationFailed', validationId },
    { type: 'validationGaveUp', validationId },
    { type: 'revalidate', freshId: 'fresh' },
    { type: 'requestApproval', current: true, freshId: 'fresh' },
    { type: 'approved', requestId, archiveExisting: true },
    { type: 'declined', requestId },
    { type: 'expired', requestId },
    { type: 'withdrawn', requestId },
    { type: 'stale', requestId },
    { type: 'superseded', by: 2 },
    { type: 'archive' },
    { type: 'restore' },
    { type: 'rollback', reason: 'the new one sells nothing' },
  ]
}

function allEvents(snapshot: Snapshot): ModelVersionEvent[] {
  const moves = stages.map((to) => ({
    type: 'move' as const,
    to,
    gate: 'none' as const,
    archiveExisting: true,
  }))
  return [...gatedEvents(snapshot), ...moves]
}

const options = {
  input: { freshId: 'first' },
  // Without the context, paths of different pasts would be taken for one.
  serializeState: ({ value, context }: Snapshot) => JSON.stringify([value, context]),
  limit: 20_000,
}

/** Walks a path through `decide`, storing and loading at each step; gives the stages it came through. */
function replay(path: StatePath<Snapshot, ModelVersionEvent>): Stage[] {
  let lifecycle = throughJson(beginLifecycle('first').next)
  const passed = [stageOf(lifecycle)]
  for (const { event } of path.steps.slice(1)) {
    const decision = decide(lifecycle, throughJson(event))
    if (decision.kind === 'refused') throw new Error(`${event.type} was refused in ${decision.state}`)
    lifecycle = throughJson(decision.next)
    passed.push(stageOf(lifecycle))
  }
  expect(lifecycle).toEqual({ value: path.state.value, context: path.state.context })
  return passed
}

function isLegal(passed: Stage[]): boolean {
  return passed.every((stage, at) => {
    const before = passed[at - 1]
    return before === undefined || before === stage || followers[before].includes(stage)
  })
}

describe('the paths of a model version', () => {
  const reached = (paths: { state: Snapshot }[]) => new Set(paths.map((path) => nameOf(path.state.value)))
  const gated = getShortestPaths(modelVersionMachine, { ...options, events: gatedEvents })
  const free = getShortestPaths(modelVersionMachine, { ...options, events: allEvents })

  it('reach every state', () => {
    expect([...reached(free)].sort()).toEqual(statesOf(modelVersionMachine).sort())
  })

  it('reach every state but idle where the policy has a gate', () => {
    expect([...reached(gated), 'None.idle'].sort()).toEqual(statesOf(modelVersionMachine).sort())
  })

  it('end in the same state when each step is stored and loaded again', () => {
    for (const path of [...gated, ...free]) replay(path)
  })

  it('keep to the legal order of stages where the policy has a gate, by every way there is', () => {
    // Of events that close the same thing one is enough: the others only multiply the ways.
    const alike = ['validationGaveUp', 'expired', 'withdrawn', 'stale']
    const events = (snapshot: Snapshot) =>
      gatedEvents(snapshot).filter((event) => !alike.includes(event.type))
    const paths = getSimplePaths(modelVersionMachine, { ...options, events })
    expect(paths.length).toBeGreaterThan(100)
    for (const path of [...gated, ...paths]) expect(replay(path)).toSatisfy(isLegal)
  })

  it('that skip a stage would not count as legal', () => {
    const skips = free.map(replay).filter((passed) => !isLegal(passed))
    expect(skips).toContainEqual(['None', 'Production'])
  })
})

describe('the paths of an approval request', () => {
  const rules = { quorum: 2, selfApproval: false, expiresAt: 10 }
  const answer = { isApprover: true, isAuthor: false, now: 1 }
  const events: ApprovalEvent[] = [
    ...['ann', 'bob', 'cem'].flatMap((principal): ApprovalEvent[] => [
      { type: 'approve', principal, ...answer },
      { type: 'decline', principal, ...answer },
    ]),
    { type: 'deadlinePassed', now: 10 },
    { type: 'withdraw' },
    { type: 'pinBroken' },
  ]
  const paths = getSimplePaths(approvalMachine, {
    input: rules,
    events,
    serializeState: ({ value, context }) => JSON.stringify([value, context]),
    limit: 20_000,
  })

  it('reach every state', () => {
    const reached = new Set(paths.map((path) => path.state.value))
    expect([...reached].sort()).toEqual(statesOf(approvalMachine).sort())
  })

  it('end in the same state when each step is stored and loaded again', () => {
    for (const path of paths) {
      let approval = throughJson(beginApproval(rules))
      for (const { event } of path.steps.slice(1)) {
        const next = decideApproval(approval, throughJson(event))
        if (next === null) throw new Error(`${event.type} was refused in ${approval.value}`)
        approval = throughJson(next)
      }
      expect(approval).toEqual({ value: path.state.value, context: path.state.context })
    }
  })
})
