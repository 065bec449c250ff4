// Draws the machines from their configs, so that no picture of them can be wrong. Prose stays where it
// is: only what stands between a pair of markers is written anew.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { approvalMachine } from '../src/machines/approval.ts'
import { modelVersionMachine } from '../src/machines/model-version.ts'
import { drawConfiguration } from './draw-configuration.ts'

/** One line of a machine's table: what happens when a state is told an event. */
type Way = { from: AnyStateNode; event: string; guard: string; to: AnyStateNode; actions: string[] }

/** A file and the blocks that the machines write into it, by the name of their markers. */
export type Page = { path: string; blocks: Record<string, string> }

const root = new URL('../', import.meta.url)

/** All that is drawn, where it belongs. *Pure.* */
export function drawPages(): Page[] {
  return [
    {
      path: 'docs/machines.md',
      blocks: {
        modelVersion: `${drawMachine(modelVersionMachine)}\n\n${tabulate(modelVersionMachine)}`,
        approval: `${drawMachine(approvalMachine)}\n\n${tabulate(approvalMachine)}`,
      },
    },
    {
      path: 'README.md',
      blocks: { lifecycle: drawStages(modelVersionMachine), configuration: drawConfiguration() },
    },
  ]
}

/** Replaces what stands between the markers of each block; a text without them stays as it is. *Pure.* */
export function embed(text: string, blocks: Page['blocks']): string {
  let result = text
  for (const [name, block] of Object.entries(blocks)) {
    const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
    const [before, rest] = splitOnce(result, start)
    const [old, after] = splitOnce(rest ?? '', end)
    if (rest === undefined || old === undefined || after === undefined) continue
    result = `${before}${start}\n${block}\n${end}${after}`
  }
  return result
}

/** Draws a machine as a Mermaid state diagram; what every state accepts is left to the table. *Pure.* */
export function drawMachine(machine: AnyStateMachine): string {
  const ways = waysIn(machine.root).filter((way) => way.from.parent !== undefined)
  const edges = Map.groupBy(ways, (way) => `${idOf(way.from)} --> ${idOf(way.to)}`)
  const labelled = [...edges].map(([edge, those]) => {
    const byGuard = Map.groupBy(those, (way) => way.guard)
    const lines = [...byGuard].map(([guard, alike]) => `${eventsOf(alike)}${guard && ` [${guard}]`}`)
    return `  ${edge} : ${lines.join('<br/>')}`
  })
  // Side by side the labels of nested states do not overlap; a loop's label does, where nothing is nested.
  const isNested = Object.values(machine.root.states).some((state) => state.type === 'compound')
  return mermaid(isNested ? 'LR' : 'TB', [...declare(machine.root), ...labelled])
}

/** Draws the outermost states only, and the events that lead from one to another. *Pure.* */
export function drawStages(machine: AnyStateMachine): string {
  const stages = Object.values(machine.root.states)
  const isWithin = (node: AnyStateNode, stage: AnyStateNode) => lineOf(node).includes(stage)
  const ways = waysIn(machine.root)
  const edges = stages.flatMap((from) =>
    stages.flatMap((to) => {
      const between = ways.filter((way) => isWithin(way.from, from) && isWithin(way.to, to))
      return from === to || between.length === 0 ? [] : [`  ${from.key} --> ${to.key} : ${eventsOf(between)}`]
    }),
  )
  return mermaid('LR', [...machine.root.initial.target.map((node) => `  [*] --> ${node.key}`), ...edges])
}

/** Writes a machine's ways as a Markdown table, states that behave alike in one line. *Pure.* */
export function tabulate(machine: AnyStateMachine): string {
  const rows = Map.groupBy(waysIn(machine.root), (way) =>
    [code(way.event), code(way.guard), nameOf(way.to), way.actions.map(code).join(', ')].join(' | '),
  )
  return [
    '| in | is told | if | goes to | and does |',
    '|---|---|---|---|---|',
    ...[...rows].map(([row, ways]) => `| ${ways.map((way) => nameOf(way.from)).join(', ')} | ${row} |`),
  ].join('\n')
}

function waysIn(node: AnyStateNode): Way[] {
  const own = [...node.transitions.values()].flat().map((transition) => {
    const to = transition.target?.[0] ?? node
    const entered = lineOf(to).filter((outer) => !lineOf(node).includes(outer))
    return {
      from: node,
      event: transition.eventType,
      guard: transition.guard === undefined ? '' : typeOf(transition.guard),
      to,
      actions: [...transition.actions, ...entered.flatMap((state) => state.entry)].map(typeOf),
    }
  })
  return [...own, ...Object.values(node.states).flatMap(waysIn)]
}

/** A state and all that it is in, the outermost first. */
function lineOf(node: AnyStateNode): AnyStateNode[] {
  return [...(node.parent === undefined ? [] : lineOf(node.parent)), node]
}

function declare(node: AnyStateNode, indent = '  '): string[] {
  // Where a machine begins is drawn; that of a state which is only entered by naming an inner one is not.
  const begins = lineOf(node).every((state) => state.parent?.initial.target.includes(state) ?? true)
  const initial = begins ? node.initial.target.map((target) => `${indent}[*] --> ${idOf(target)}`) : []
  const states = Object.values(node.states).flatMap((state) => {
    if (state.type === 'final') return [`${indent}${idOf(state)} --> [*]`]
    if (state.type !== 'compound') return [`${indent}state "${state.key}" as ${idOf(state)}`]
    return [`${indent}state ${idOf(state)} {`, ...declare(state, `${indent}  `), `${indent}}`]
  })
  return [...initial, ...states]
}

function mermaid(direction: 'LR' | 'TB', lines: string[]): string {
  return ['```mermaid', 'stateDiagram-v2', `  direction ${direction}`, ...lines, '```'].join('\n')
}

// Keys repeat (a version can be stuck in two stages), and Mermaid's names are global.
const idOf = (node: AnyStateNode) => node.path.join('_')
const nameOf = (node: AnyStateNode) => (node.parent === undefined ? 'any state' : code(node.path.join('.')))
const code = (name: string) => (name === '' ? '' : `\`${name}\``)
const eventsOf = (ways: Way[]) => [...new Set(ways.map((way) => way.event))].join(', ')

function typeOf(thing: unknown): string {
  if (typeof thing === 'string') return thing
  if (typeof thing === 'object' && thing !== null && 'type' in thing) return String(thing.type)
  throw new Error('An anonymous guard or action cannot be drawn; give it a name in setup().')
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}

if (import.meta.main)
  for (const { path, blocks } of drawPages()) {
    const file = new URL(path, root)
    if (existsSync(file)) writeFileSync(file, embed(readFileSync(file, 'utf8'), blocks))
  }
