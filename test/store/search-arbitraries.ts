// Small registries and searches for them, made so that they often meet: few names, keys, values and times, and among
// them what is a wildcard, an escape character or a quote elsewhere.
import fc from 'fast-check'
import type { PlannedModel, PlannedVersion } from '../helpers/registries.ts'
import type { Asked, AskedOrder } from './search-reference.ts'

/** What is searched for. */
export type Entity = 'models' | 'versions'

const promptTag = 'mlflow.prompt.is_prompt'
const alike = 'p'.repeat(120)
const names = ['a', 'A', 'ab', 'a_b', 'a%b', 'a\\b', 'Z', 'é', 'É', 'o', '😀', "it's"]
const keys = ['k', 'K', 'k k', 'a.b', promptTag]
const values = [
  '',
  'x',
  'X',
  'xy',
  'x%',
  'x_',
  'x\\',
  'é',
  'É',
  `${alike}1`,
  `${alike}2`,
  'true',
  'false',
  'TRUE',
]
const runs = ['r1', 'R1', 'r2', '']
const sources = ['s3://a/x', 's3://A/x', 's3://a/%']

const tags = fc.dictionary(fc.constantFrom(...keys), fc.constantFrom(...values), { maxKeys: 4 })
// Microseconds, some of them within one millisecond.
const time = fc.constantFrom(0, 1, 999, 1_000, 1_001, 5_000)
const rarely = fc.integer({ min: 0, max: 9 }).map((number) => number === 0)

const version: fc.Arbitrary<PlannedVersion> = fc.record({
  version: fc.constantFrom(1, 2, 3, 9, 10, 11),
  source: fc.constantFrom(...sources),
  runId: fc.constantFrom(null, ...runs),
  tags,
  createdAt: time,
  updatedAt: time,
  isDeleted: rarely,
})

const model: fc.Arbitrary<PlannedModel> = fc.record({
  name: fc.constantFrom(...names),
  tags,
  createdAt: time,
  updatedAt: time,
  isDeleted: rarely,
  versions: fc.uniqueArray(version, { maxLength: 4, selector: (one) => one.version }),
})

export const registry: fc.Arbitrary<PlannedModel[]> = fc.uniqueArray(model, {
  minLength: 2,
  maxLength: 6,
  selector: (one) => one.name,
})

const loose = fc
  .array(fc.constantFrom('%', '%', '_', 'a', 'A', 'x', 'X', 'p', 'r', 'é', '\\', '1', 's3://'), {
    maxLength: 4,
  })
  .map((parts) => parts.join(''))

/** A pattern that one of the texts nearly matches: a part of it is a wildcard, and its case may be another. */
function patternOf(texts: string[]): fc.Arbitrary<string> {
  const change = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => text.toLowerCase(),
    (text) => text.toUpperCase(),
  )
  return fc
    .tuple(
      fc.constantFrom(...texts),
      fc.nat({ max: 3 }),
      fc.nat({ max: 3 }),
      fc.constantFrom('%', '_', ''),
      change,
    )
    .map(([text, from, length, wildcard, changed]) => {
      const characters = [...changed(text)]
      characters.splice(from, length, wildcard)
      return characters.join('')
    })
}

function comparison(on: string, texts: string[]) {
  return fc.oneof(
    fc.record({
      on: fc.constant(on),
      comparator: fc.constantFrom('=', '!='),
      value: fc.constantFrom(...texts),
    }),
    fc.record({
      on: fc.constant(on),
      comparator: fc.constantFrom('LIKE', 'ILIKE'),
      value: fc.oneof(patternOf(texts), loose),
    }),
  ) as fc.Arbitrary<{ on: 'name' | 'run_id' | 'source_path'; comparator: string; value: string }>
}

const onTag: fc.Arbitrary<Asked> = fc
  .tuple(fc.constantFrom(...keys), comparison('tag', values))
  .map(([key, { comparator, value }]) => ({ on: 'tag', key, comparator, value }))
function inList(on: 'name' | 'run_id', texts: string[]): fc.Arbitrary<Asked> {
  return fc.record({
    on: fc.constant(on),
    comparator: fc.constantFrom('IN', 'NOT IN'),
    values: fc.array(fc.constantFrom(...texts), { minLength: 1, maxLength: 3 }),
  })
}
const onNumber: fc.Arbitrary<Asked> = fc.record({
  on: fc.constant('version_number'),
  comparator: fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
  value: fc.constantFrom(-1, 0, 1, 1.5, 2, 3, 9, 9.5, 10, 11, 1e10, -1e10),
})

const conditions: Record<Entity, fc.Arbitrary<Asked>> = {
  models: fc.oneof(
    { weight: 2, arbitrary: comparison('name', names) },
    { weight: 4, arbitrary: onTag },
    inList('name', names),
  ),
  versions: fc.oneof(
    { weight: 2, arbitrary: comparison('name', names) },
    { weight: 2, arbitrary: comparison('run_id', runs) },
    { weight: 2, arbitrary: comparison('source_path', sources) },
    { weight: 2, arbitrary: onNumber },
    { weight: 4, arbitrary: onTag },
    inList('name', names),
    inList('run_id', runs),
  ),
}

/** The conditions of a filter. */
export function askedOf(entity: Entity): fc.Arbitrary<Asked[]> {
  return fc.array(conditions[entity], { maxLength: 3 })
}

const fields: Record<Entity, string[]> = {
  models: ['name', 'timestamp'],
  versions: ['name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'],
}

/** The clauses of an order. */
export function orderOf(entity: Entity): fc.Arbitrary<AskedOrder[]> {
  const clause = fc.record({ field: fc.constantFrom(...fields[entity]), isDescending: fc.boolean() })
  return fc.uniqueArray(clause, { selector: ({ field }) => field })
}

/** How a filter may be written: which of the ways there are is taken in turn. */
export const style = fc.record({
  and: fc.constantFrom(' AND ', ' and ', '\n\taNd  ', ' '),
  space: fc.constantFrom(' ', '  '),
  quote: fc.constantFrom("'", '"'),
  keyQuote: fc.constantFrom('`', '"'),
  isLower: fc.boolean(),
  prefix: fc.constantFrom('', 'attribute.'),
  tag: fc.constantFrom('tag', 'tags'),
})
type Style = typeof style extends fc.Arbitrary<infer S> ? S : never

/** Writes a filter down. *Pure.* */
export function writeFilter(asked: Asked[], how: Style): string {
  return asked.map((one) => writeOne(one, how)).join(how.and)
}

function writeOne(asked: Asked, { space, quote, keyQuote, isLower, prefix, tag }: Style): string {
  const quoted = (text: string) => (text.includes(quote) ? `"${text}"` : `${quote}${text}${quote}`)
  const left =
    asked.on === 'tag'
      ? `${tag}.${/^\w+$/.test(asked.key) ? asked.key : `${keyQuote}${asked.key}${keyQuote}`}`
      : `${prefix}${asked.on}`
  const comparator = isLower ? asked.comparator.toLowerCase() : asked.comparator
  if ('values' in asked) return `${left} ${comparator}${space}(${asked.values.map(quoted).join(`,${space}`)})`
  const right = typeof asked.value === 'number' ? `${asked.value}` : quoted(asked.value)
  return `${left}${space}${comparator}${space}${right}`
}
