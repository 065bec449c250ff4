// What a machine must not contain to be decided about from a stored row (STYLE: nine facts).
import { describe, expect, it } from 'vitest'
import { type AnyStateMachine, type AnyStateNode, assign, setup, spawnChild } from 'xstate'
import { approvalMachine } from '../../src/machines/approval.ts'
import { modelVersionMachine } from '../../src/machines/model-version.ts'

/** Every state of a machine, the root first. */
const nodesIn = (node: AnyStateNode): AnyStateNode[] => [node, ...Object.values(node.states).flatMap(nodesIn)]

/** Names all that would break silently when the machine is run from stored data. */
function faultsOf(machine: AnyStateMachine): string[] {
  const inStates = nodesIn(machine.root).flatMap((node) => {
    const transitions = [...node.transitions.values()].flat()
    const actions = transitions.flatMap((transition) => transition.actions)
    // The root is entered once, at the beginning; its entry only emits, so it needs no name.
    const own = node.parent === undefined ? [] : [...node.entry, ...node.exit]
    const guards = transitions.map((transition) => transition.guard)
    return [
      node.type === 'history' && 'is a history state',
      node.invoke.length > 0 && 'invokes',
      node.after.length > 0 && 'has a timer',
      (node.always?.length ?? 0) > 0 && 'moves by itself',
      [...actions, ...own].some((action) => typeof action === 'function') && 'has an anonymous action',
      guards.some((guard) => typeof guard === 'function') && 'has an anonymous guard',
    ]
      .filter((fault) => fault !== false)
      .map((fault) => `${node.id} ${fault}`)
  })
  const pure = ['xstate.assign', 'xstate.enqueueActions', 'xstate.emit']
  const kinds = Object.entries(machine.implementations.actions).flatMap(([name, action]) => {
    const kind = (action as { type?: string }).type ?? 'a plain function'
    return pure.includes(kind) ? [] : [`action ${name} is ${kind}`]
  })
  const actors = Object.keys(machine.implementations.actors).map((name) => `actor ${name}`)
  const delays = Object.keys(machine.implementations.delays).map((name) => `delay ${name}`)
  return [...inStates, ...kinds, ...actors, ...delays]
}

/** Lists the states that no transition from the initial one leads to, guards aside. */
function unreachableIn(machine: AnyStateMachine): string[] {
  const reached = new Set<AnyStateNode>()
  const enter = (node: AnyStateNode): void => {
    if (reached.has(node)) return
    reached.add(node)
    if (node.parent) enter(node.parent)
    for (const initial of node.type === 'compound' ? node.initial.target : []) enter(initial)
    for (const transition of [...node.transitions.values()].flat()) transition.target?.forEach(enter)
  }
  enter(machine.root)
  return nodesIn(machine.root).flatMap((node) => (reached.has(node) ? [] : [node.id]))
}

for (const machine of [modelVersionMachine, approvalMachine]) {
  describe(`the machine ${machine.id}`, () => {
    it('has nothing that needs a running actor, a timer or a memory of its own', () => {
      expect(faultsOf(machine)).toEqual([])
    })

    it('has no state that nothing leads to', () => {
      expect(unreachableIn(machine)).toEqual([])
    })
  })
}

describe('a machine that breaks these rules', () => {
  const child = setup({}).createMachine({})
  const bad = setup({
    actors: { child },
    actions: { spawnOne: spawnChild('child'), log: () => {}, keep: assign({}) },
  }).createMachine({
    id: 'bad',
    initial: 'a',
    states: {
      a: {
        after: { 5: 'b' },
        on: { go: { target: 'b', guard: () => true, actions: () => {} }, keep: { actions: 'keep' } },
      },
      b: { invoke: { src: 'child' }, always: { target: 'c', guard: () => false } },
      c: { initial: 'd', states: { d: { entry: 'log' }, past: { type: 'history' } } },
      island: { exit: 'spawnOne' },
    },
  })

  it('is told each of its faults', () => {
    expect(faultsOf(bad)).toEqual([
      'bad.a has a timer',
      'bad.a has an anonymous action',
      'bad.a has an anonymous guard',
      'bad.b invokes',
      'bad.b moves by itself',
      'bad.c.past is a history state',
      'action spawnOne is xstate.spawnChild',
      'action log is a plain function',
      'actor child',
    ])
  })

  it('is told of its unreachable states', () => {
    expect(unreachableIn(bad)).toContain('bad.island')
  })
})
