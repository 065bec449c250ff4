// What the tests of the machines share: names of states, and data as a database would give it back.
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import type { Lifecycle } from '../../src/machines/decide.ts'

/** Names a lifecycle's state as the tests write it, for example `Staging.testing`. *Pure.* */
export function nameOf(value: Lifecycle['value']): string {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([outer, inner]) => (inner === undefined ? outer : `${outer}.${nameOf(inner)}`))
    .join(' & ')
}

/** Turns such a name back into the value that a row stores. *Pure.* */
export function valueNamed(name: string): Lifecycle['value'] {
  const [outer = '', ...inner] = name.split('.')
  return inner.length === 0 ? outer : { [outer]: valueNamed(inner.join('.')) }
}

/** Lists the names of a machine's innermost states, in the order of its config. *Pure.* */
export function statesOf(machine: AnyStateMachine): string[] {
  const leavesIn = (node: AnyStateNode): AnyStateNode[] => {
    const children = Object.values(node.states)
    return children.length === 0 ? [node] : children.flatMap(leavesIn)
  }
  return leavesIn(machine.root).map((leaf) => leaf.path.join('.'))
}

/** Gives back what a `jsonb` column would: equal data, nothing shared. *Pure.* */
export function throughJson<T>(data: T): T {
  return JSON.parse(JSON.stringify(data)) as T
}

/** Freezes data all the way down, so that whoever changes it in place throws. */
export function deepFreeze<T>(data: T): T {
  if (typeof data === 'object' && data !== null && !Object.isFrozen(data)) {
    Object.freeze(data)
    for (const inner of Object.values(data)) deepFreeze(inner)
  }
  return data
}
