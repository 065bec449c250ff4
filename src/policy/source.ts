// Reading YAML that somebody may have got wrong, or have made to do harm (R18): the core schema, no tags
// beyond it, no duplicate keys, few aliases, a bounded size and depth. What passes is plain JSON.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { Fault, Place } from './faults.ts'

/** The largest policy file that is read, in bytes. */
export const maxPolicyBytes = 256 * 1024
const maxDepth = 32
const maxAliases = 50
// One broken bracket can make thousands of complaints; the first ones are what helps.
const maxSyntaxFaults = 20

/** From the top of the file: a key, or an index into a list. */
export type Path = readonly (string | number)[]

/** A policy file as plain data, which still knows where each thing stands. */
export type Source = {
  value: unknown
  /** The keys of the mapping at `path` in the order of the file; empty where there is none. */
  keysAt(path: Path): string[]
  /** Where the value at `path` stands, or what is nearest above it. */
  placeOf(path: Path): Place
  /** Where the last key of `path` stands, or what is nearest above it. */
  placeOfKey(path: Path): Place
}

/** Parses YAML into plain data, or finds every fault in how it is written. *Pure.* */
export function parseSource(text: string): Source | { faults: Fault[] } {
  if (Buffer.byteLength(text) > maxPolicyBytes)
    return {
      faults: [{ line: 1, column: 1, message: `the file is larger than ${maxPolicyBytes / 1024} kB` }],
    }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    schema: 'core',
    resolveKnownTags: false,
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    // Checked in faultsIn instead: the parser's own check takes quadratic time.
    uniqueKeys: false,
  })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const complaints = [...document.errors, ...document.warnings]
    .filter(({ pos }, index, all) => pos[0] !== all[index - 1]?.pos[0])
    .slice(0, maxSyntaxFaults)
  const faults = complaints.map((complaint) => ({
    ...placeAt(complaint.pos[0]),
    message: wordSyntax(complaint),
  }))
  if (faults.length === 0) faults.push(...faultsIn(document, placeAt))
  if (faults.length > 0) return { faults }
  try {
    // An empty file is a policy that changes nothing.
    return { value: document.toJS({ maxAliasCount: maxAliases }) ?? {}, ...placesIn(document, placeAt) }
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    return { faults: [{ line: 1, column: 1, message: 'aliases (*name) repeat too much of the file' }] }
  }
}

function wordSyntax({ code, message }: YAMLError): string {
  if (code === 'TAG_RESOLVE_FAILED')
    return `${message.replace('Unresolved', 'unknown')}; a policy needs plain values only`
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here; a policy file holds one'
  if (/call stack|stack overflow/i.test(message)) return `nested more than ${maxDepth} levels deep`
  return `not valid YAML: ${message.split('\n')[0]}`
}

/** What the parser lets through and a policy must not hold. */
function faultsIn(document: Document, placeAt: (offset: number) => Place): Fault[] {
  const faults: Fault[] = []
  const anchors = new Set<string>()
  const open = new Set<string>()
  const complain = (node: unknown, message: string) => faults.push({ ...placeAt(startOf(node)), message })

  const walk = (node: unknown, depth: number): void => {
    if (depth > maxDepth) return void complain(node, `nested more than ${maxDepth} levels deep`)
    if (isAlias(node)) {
      if (open.has(node.source)) complain(node, `the alias *${node.source} stands inside what it names`)
      else if (!anchors.has(node.source)) complain(node, `the alias *${node.source} names nothing above it`)
      return
    }
    if (!isNode(node)) return
    const anchor = 'anchor' in node ? node.anchor : undefined
    if (anchor !== undefined) {
      anchors.add(anchor)
      open.add(anchor)
    }
    if (isScalar(node) && typeof node.value === 'number' && !Number.isFinite(node.value))
      complain(node, 'a number must be finite; .nan and .inf are not allowed')
    if (isSeq(node)) for (const item of node.items) walk(item, depth + 1)
    if (isMap(node)) {
      checkKeys(node, complain, placeAt)
      for (const { key, value } of node.items) {
        walk(key, depth + 1)
        walk(value, depth + 1)
      }
    }
    if (anchor !== undefined) open.delete(anchor)
  }
  walk(document.contents, 0)
  return faults
}

function checkKeys(
  map: YAMLMap,
  complain: (node: unknown, message: string) => void,
  placeAt: (offset: number) => Place,
): void {
  const first = new Map<string, unknown>()
  for (const { key } of map.items) {
    const name = isScalar(key) ? key.value : undefined
    if (typeof name !== 'string') complain(key ?? map, 'a key must be text; put it in quotes')
    else if (name === '__proto__') complain(key, 'the key "__proto__" is not allowed')
    else if (first.has(name)) {
      const { line } = placeAt(startOf(first.get(name)))
      complain(key, `duplicate key "${name}"; it stands on line ${line} already`)
    } else first.set(name, key)
  }
}

function placesIn(document: Document, placeAt: (offset: number) => Place): Omit<Source, 'value'> {
  const follow = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node)
  const pairOf = (node: unknown, key: string | number): Pair | undefined =>
    isMap(node) ? node.items.find((pair) => isScalar(pair.key) && pair.key.value === key) : undefined
  const childOf = (node: unknown, key: string | number): unknown =>
    isSeq(node) && typeof key === 'number' ? node.items[key] : pairOf(node, key)?.value

  const nodeAt = (path: Path): unknown =>
    path.reduce<unknown>((node, key) => childOf(follow(node), key), document.contents)
  const nearest = (path: Path): unknown => {
    const node = nodeAt(path)
    return isNode(node) || path.length === 0 ? node : nearest(path.slice(0, -1))
  }
  return {
    placeOf: (path) => placeAt(startOf(nearest(path))),
    placeOfKey: (path) => {
      const pair = pairOf(follow(nodeAt(path.slice(0, -1))), path.at(-1) ?? '')
      return placeAt(startOf(pair?.key ?? nearest(path)))
    },
    keysAt: (path) => {
      const node = follow(nodeAt(path))
      return isMap(node) ? node.items.map(({ key }) => String(isScalar(key) ? key.value : key)) : []
    },
  }
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0
}
