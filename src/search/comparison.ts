// One comparison of a filter: from its three operands to a condition that holds of a row or not. The texts of the
// refusals are MLflow's.
import { SearchSyntaxError } from './syntax-error.ts'
import { type Token, unquote } from './tokens.ts'
import { type NumberAttribute, setOf, type TextAttribute, type Vocabulary } from './vocabulary.ts'

export const textComparators = ['=', '!=', 'LIKE', 'ILIKE'] as const
export const numberComparators = ['=', '!=', '>', '>=', '<', '<='] as const
export const listComparators = ['IN', 'NOT IN'] as const
export type TextComparator = (typeof textComparators)[number]
export type NumberComparator = (typeof numberComparators)[number]
export type ListComparator = (typeof listComparators)[number]

/** What must hold of a row. A tag that is not there meets no condition, not even `!=`. */
export type Condition =
  | { kind: 'text'; attribute: TextAttribute; comparator: TextComparator; value: string }
  | { kind: 'list'; attribute: TextAttribute; comparator: ListComparator; values: string[] }
  | { kind: 'number'; attribute: NumberAttribute; comparator: NumberComparator; value: number }
  | { kind: 'tag'; key: string; comparator: TextComparator; value: string }

/** What stands right of a comparator: a token, or a list with all that is between its brackets. */
export type Operand = Token | { kind: 'list'; text: string; members: Token[] }

/** The operands of a comparison, the comparator in capitals. */
export type Comparison = { left: Token; comparator: string; right: Operand }

// Beyond every version number on either side, and exact; a version of 400 digits compares as this one does.
const beyondVersions = 2 ** 31
const numberInText = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i
const plainName = /^[\p{L}\p{M}\p{N}_.]*$/u

/** Reads a comparison in the words of a vocabulary. Throws SearchSyntaxError. *Pure.* */
export function readComparison({ left, comparator, right }: Comparison, vocabulary: Vocabulary): Condition {
  const { entity, key } = readIdentifier(left)
  if (entity === 'tag') {
    const value = readTagValue(right)
    return {
      kind: 'tag',
      key: unquote(key) ?? key,
      comparator: oneOf(textComparators, comparator, 'tag'),
      value,
    }
  }
  const numberAttribute = vocabulary.numberAttributes.find((attribute) => attribute === key)
  if (numberAttribute !== undefined)
    return readNumberComparison(numberAttribute, comparator, right, vocabulary)
  const attribute = vocabulary.textAttributes.find((candidate) => candidate === key)
  if (attribute === undefined) throw unknownAttribute(key, vocabulary)
  return readTextComparison(attribute, comparator, right, vocabulary)
}

/** The refusal of an attribute that a search knows nothing of. *Pure.* */
function unknownAttribute(key: string, { textAttributes, numberAttributes }: Vocabulary): SearchSyntaxError {
  const known = setOf([...textAttributes, ...numberAttributes])
  return new SearchSyntaxError(`Invalid attribute key '${key}' specified. Valid keys are '${known}'`)
}

/** Splits an identifier, `name` or `<entity>.<key>`, where only a tag's key may be quoted. *Pure.* */
function readIdentifier(token: Token): { entity: 'attribute' | 'tag'; key: string } {
  const { text } = token
  const dot = text.indexOf('.')
  const key = text.slice(dot + 1)
  if (token.kind === 'number' || text.startsWith("'") || (unquote(key) === null && !plainName.test(key)))
    throw new SearchSyntaxError(`Invalid comparison clause. Expected 'Identifier' found '${text}'`)
  return { entity: dot === -1 ? 'attribute' : readEntity(text.slice(0, dot)), key }
}

/** What the word before the dot stands for. Throws SearchSyntaxError. *Pure.* */
export function readEntity(word: string): 'attribute' | 'tag' {
  if (word === 'attribute') return 'attribute'
  if (word === 'tag' || word === 'tags') return 'tag'
  throw new SearchSyntaxError(
    `Invalid entity type '${word}'. Valid entity types are ('attribute', 'tag', 'tags')`,
  )
}

function readTagValue(right: Operand): string {
  if (right.kind === 'number' || right.kind === 'list')
    throw new SearchSyntaxError(
      `Expected a quoted string value for tag (e.g. 'my-value'). Got value ${right.text}`,
    )
  return readText(right)
}

function readText({ text }: Operand): string {
  const value = unquote(text, '\'"')
  if (value !== null) return value
  throw new SearchSyntaxError(
    'Parameter value is either not quoted or unidentified quote types used for string value ' +
      `${text}. Use either single or double quotes.`,
  )
}

function readTextComparison(
  attribute: TextAttribute,
  comparator: string,
  right: Operand,
  vocabulary: Vocabulary,
): Condition {
  const { listAttributes, numberAttributes } = vocabulary
  if (right.kind === 'list') {
    if (!listAttributes.includes(attribute)) throw takesNoList(vocabulary)
    const values = readMembers(right)
    return { kind: 'list', attribute, comparator: oneOf(listComparators, comparator, 'attribute'), values }
  }
  if (right.kind === 'number')
    throw new SearchSyntaxError(
      numberAttributes.length === 0
        ? `Expected a quoted string value or a list of quoted string values for attributes. Got value ${right.text}`
        : `Only the '${setOf(numberAttributes)}' attributes support comparison with numeric values.`,
    )
  const value = readText(right)
  return { kind: 'text', attribute, comparator: oneOf(textComparators, comparator, 'attribute'), value }
}

function takesNoList({ listAttributes }: Vocabulary): SearchSyntaxError {
  const words = listAttributes.map((attribute) => `'${attribute}'`).join(', ')
  return new SearchSyntaxError(
    `Only [${words}] attributes support comparison with a list of quoted string values.`,
  )
}

function readMembers({ text, members }: { text: string; members: Token[] }): string[] {
  const expected = 'While parsing a list in the query, expected'
  if (members.length === 0)
    throw new SearchSyntaxError(`${expected} a non-empty list of string values, but got empty list`)
  if (members.some(({ kind }) => kind === 'number'))
    throw new SearchSyntaxError(
      `${expected} string value, punctuation, or whitespace, but got different type in list: ${text}`,
    )
  const isWellFormed = members.every((member, index) =>
    index % 2 === 0 ? member.kind === 'text' : member.text === ',',
  )
  if (!isWellFormed)
    throw new SearchSyntaxError(`${expected} a non-empty list of string values, but got ill-formed list.`)
  return members.filter(({ kind }) => kind === 'text').map(readText)
}

function readNumberComparison(
  attribute: NumberAttribute,
  comparator: string,
  right: Operand,
  vocabulary: Vocabulary,
): Condition {
  if (right.kind === 'list') throw takesNoList(vocabulary)
  const value = right.kind === 'number' ? right.text : readText(right).trim()
  const known = oneOf(numberComparators, comparator, `attribute ${attribute}`)
  if (!numberInText.test(value))
    throw new SearchSyntaxError(`Invalid value for numeric attribute '${attribute}': ${right.text}`)
  const inRange = Math.max(-beyondVersions, Math.min(beyondVersions, Number(value)))
  return { kind: 'number', attribute, comparator: known, value: inRange }
}

function oneOf<C extends string>(comparators: readonly C[], given: string, subject: string): C {
  const comparator = comparators.find((candidate) => candidate === given)
  if (comparator !== undefined) return comparator
  throw new SearchSyntaxError(`Invalid comparator for ${subject}: ${given}`)
}
