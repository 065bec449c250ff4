// The fields of requests, and how each is read. Types are held to what the wire says: a version is a text, a flag is a
// real boolean. What is absent, null or, where something is needed, empty is missing.
import { InvalidInputError } from '../../errors.ts'
import { longest } from '../registration-fields.ts'
import { shown } from './errors.ts'
import {
  checkAlias,
  checkModelName,
  checkNewAlias,
  checkTag,
  checkTagKey,
  jsonAscii,
  parseVersion,
  refuseLonger,
} from './names.ts'

const hint = 'See the API docs for more information about request parameters.'

/** One field: whether it is a list, and what its value means. `read` throws InvalidInputError. */
export type Field<T> = { isList: boolean; read: (value: unknown, name: string) => T }

/** All fields of a request; they are read, and refused, in the order they stand in. */
export type Fields = Record<string, Field<unknown>>

/** What a request's fields come to. */
export type Input<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never }

/** A text that may be absent. */
export const text = field((value, name) => (value === undefined ? undefined : textIn(value, name)))

/** A text that must be there. */
export const neededText = field(needed)

/** A model's name. */
export const modelName = field((value, name) => {
  const given = needed(value, name)
  checkModelName(given, name)
  return given
})

/** A model's name, of which an empty one is no name rather than missing. */
export const modelNameAsItIs = field((value, name) => {
  const given = value === undefined ? '' : textIn(value, name)
  checkModelName(given, name)
  return given
})

/** A version's number, written as text. */
export const versionNumber = field((value, name) => parseVersion(needed(value, name)))

/** A version's number, of which an empty one is no number rather than missing. */
export const versionNumberAsItIs = field((value, name) =>
  parseVersion(value === undefined ? '' : textIn(value, name)),
)

/** A tag's key. */
export const tagKey = field((value, name) => {
  const key = needed(value, name)
  checkTagKey(key)
  return key
})

/** A tag's value; absent, it is empty. */
export const tagValue = field((value, name) => {
  const given = value === undefined ? '' : textIn(value, name)
  refuseLonger(name, given, longest.tagValue)
  return given
})

/** An alias that is asked for. */
export const alias = field((value, name) => {
  const given = needed(value, name)
  checkAlias(given)
  return given
})

/** An alias that is to be set. */
export const newAlias = field((value, name) => {
  const alias = needed(value, name)
  checkNewAlias(alias)
  return alias
})

/** A boolean; absent, it is false. */
export const flag = field((value, name) => {
  if (value === undefined) return false
  return typeof value === 'boolean' ? value : refuse(value, name)
})

/** A text of bounded length that may be absent. */
export function shortText(limit: number): Field<string | undefined> {
  return field((value, name) => {
    const given = text.read(value, name)
    if (given !== undefined) refuseLonger(name, given, limit)
    return given
  })
}

/** Whatever came, for whoever reads it; in a query that is text. */
export const raw = field((value) => value)

/** A list of texts; absent, it is empty. */
export const texts = list((values, name) =>
  values.every((value) => typeof value === 'string') ? (values as string[]) : refuse(values, name),
)

/** Tags by key, of which the last one of a key counts; absent, there are none. */
export const tags = list((values, name): Record<string, string> => {
  const pairs = values.map((tag): [string, string] => {
    const { key, value } = isTag(tag) ? tag : refuse(values, name)
    checkTag(key ?? '', value ?? '')
    return [key ?? '', value ?? '']
  })
  return Object.fromEntries(pairs)
})

/** Reads all fields of a request. Throws InvalidInputError for the first one at fault. *Pure.* */
export function readFields<F extends Fields>(fields: F, given: Record<string, unknown>): Input<F> {
  const read = Object.entries(fields).map(([name, { read }]) => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    return [name, read(value ?? undefined, name)]
  })
  return Object.fromEntries(read) as Input<F>
}

function field<T>(read: Field<T>['read']): Field<T> {
  return { isList: false, read }
}

function list<T>(read: (values: unknown[], name: string) => T): Field<T> {
  return {
    isList: true,
    read: (value = [], name) => (Array.isArray(value) ? read(value, name) : refuse(value, name)),
  }
}

function textIn(value: unknown, name: string): string {
  return typeof value === 'string' ? value : refuse(value, name)
}

function needed(value: unknown, name: string): string {
  if (value === undefined || value === '')
    throw new InvalidInputError(`Missing value for required parameter '${name}'. ${hint}`)
  return textIn(value, name)
}

function isTag(tag: unknown): tag is { key?: string | null; value?: string | null } {
  if (typeof tag !== 'object' || tag === null || Array.isArray(tag)) return false
  const { key = null, value = null } = tag as { key?: unknown; value?: unknown }
  return [key, value].every((part) => part === null || typeof part === 'string')
}

function refuse(value: unknown, name: string): never {
  const repeated = shown(jsonAscii(value))
  const type = pythonType(value)
  throw new InvalidInputError(
    `Invalid value ${repeated} for parameter '${name}' supplied:  Hint: Value was of type '${type}'. ${hint}`,
  )
}

// MLflow names types in its own language.
function pythonType(value: unknown): string {
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return Array.isArray(value) ? 'list' : 'dict'
}
