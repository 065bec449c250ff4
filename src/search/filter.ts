import { type Comparison, type Condition, type Operand, readComparison } from './comparison.ts'
import { SearchSyntaxError } from './syntax-error.ts'
import { type Token, tokenize } from './tokens.ts'
import type { Vocabulary } from './vocabulary.ts'

/** The tag whose value `true` makes a prompt of a model or version. */
export const promptTag = 'mlflow.prompt.is_prompt'

/**
 * Which rows are sought: those that meet all conditions, and of them either what is no prompt or, where the filter
 * asks for prompts, what its conditions say.
 */
export type Filter = { conditions: Condition[]; prompts: 'leftOut' | 'askedFor' }

// R26. Enough for a list of two hundred runs; a filter in a query string has less room anyway.
const maxLength = 10_000
const maxConditions = 20

/** Parses a filter; an empty one lets everything pass. Throws SearchSyntaxError. *Pure.* */
export function parseFilter(text: string, vocabulary: Vocabulary): Filter {
  if (text.length > maxLength)
    throw new SearchSyntaxError(
      `Invalid filter. It must be at most ${maxLength} characters long, but has ${text.length}.`,
    )
  if (text.includes('\0') || !text.isWellFormed())
    throw new SearchSyntaxError('Invalid filter. It must not contain NUL or half of a surrogate pair.')
  const tokens = tokenize(text)
  if (tokens.length === 0 && text !== '')
    throw new SearchSyntaxError(`Invalid filter '${text}'. Could not be parsed.`)
  const filter = withPromptsResolved(
    findComparisons(tokens, text).map((comparison) => readComparison(comparison, vocabulary)),
  )
  if (filter.conditions.length > maxConditions)
    throw new SearchSyntaxError(
      `Invalid filter. It must have at most ${maxConditions} conditions, but has ${filter.conditions.length}.`,
    )
  return filter
}

/** The name that every row must have, where the filter says so; null where it does not. *Pure.* */
export function pinnedName({ conditions }: Filter): string | null {
  for (const condition of conditions)
    if (condition.kind === 'text' && condition.attribute === 'name' && condition.comparator === '=')
      return condition.value
  return null
}

/**
 * As in MLflow the first condition on the prompt tag decides whether prompts are asked for. Where they are not, all
 * conditions on it are void: ordinary models lack the tag and are still what `!= 'true'` and `= 'false'` mean.
 */
function withPromptsResolved(conditions: Condition[]): Filter {
  const onPrompts = (condition: Condition) => condition.kind === 'tag' && condition.key === promptTag
  const first = conditions.find(onPrompts)
  return first !== undefined && asksForPrompts(first)
    ? { conditions, prompts: 'askedFor' }
    : { conditions: conditions.filter((condition) => !onPrompts(condition)), prompts: 'leftOut' }
}

function asksForPrompts(condition: Condition): boolean {
  if (condition.kind !== 'tag') return false
  const value = condition.value.toLowerCase()
  return (
    (condition.comparator === '=' && value === 'true') || (condition.comparator === '!=' && value === 'false')
  )
}

/** Groups tokens to comparisons. As in MLflow, ANDs between them are neither missed nor minded. */
function findComparisons(tokens: Token[], source: string): Comparison[] {
  const comparisons: Comparison[] = []
  const strays: string[] = []
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at] as Token
    const found = comparisonAt(tokens, at, source)
    if (token.kind === 'name' && token.text.toUpperCase() === 'AND') {
      at += 1
    } else if (found === null) {
      strays.push(token.text)
      at += 1
    } else {
      comparisons.push(found.comparison)
      at = found.end
    }
  }
  if (strays.length > 0)
    throw new SearchSyntaxError(`Invalid clause(s) in filter string: ${strays.join(', ')}`)
  return comparisons
}

function comparisonAt(
  tokens: Token[],
  at: number,
  source: string,
): { comparison: Comparison; end: number } | null {
  const left = tokens[at]
  if (left === undefined || left.kind === 'operator' || left.kind === 'mark') return null
  const comparator = comparatorAt(tokens, at + 1)
  if (comparator === null) return null
  const right = operandAt(tokens, comparator.end, source)
  if (right === null) return null
  // A list is what IN is for; that other comparators do not take one is said where the attribute is known.
  if (comparator.text.endsWith('IN') && right.operand.kind !== 'list') return null
  return { comparison: { left, comparator: comparator.text, right: right.operand }, end: right.end }
}

const comparatorWords = ['LIKE', 'ILIKE', 'RLIKE', 'IN']

// Includes comparators that no attribute takes, so that they are refused by their name.
function comparatorAt(tokens: Token[], at: number): { text: string; end: number } | null {
  const [first, second] = [tokens[at], tokens[at + 1]]
  if (first === undefined) return null
  if (first.kind === 'operator') return { text: first.text, end: at + 1 }
  const word = first.text.toUpperCase()
  if (comparatorWords.includes(word)) return { text: word, end: at + 1 }
  const negated = second?.text.toUpperCase() ?? ''
  return word === 'NOT' && comparatorWords.includes(negated) ? { text: `NOT ${negated}`, end: at + 2 } : null
}

function operandAt(tokens: Token[], at: number, source: string): { operand: Operand; end: number } | null {
  const first = tokens[at]
  if (first === undefined || first.kind === 'operator') return null
  if (first.kind !== 'mark') return { operand: first, end: at + 1 }
  if (first.text !== '(') return null
  let end = at + 1
  // What cannot be in a list ends the search for its bracket; else brackets never closed would take quadratic time.
  while (canBeMember(tokens[end])) end += 1
  const last = tokens[end]
  if (last?.text !== ')') return null
  const members = tokens.slice(at + 1, end)
  return { operand: { kind: 'list', text: source.slice(first.start, last.end), members }, end: end + 1 }
}

function canBeMember(token: Token | undefined): boolean {
  return token !== undefined && token.kind !== 'operator' && (token.kind !== 'mark' || token.text === ',')
}
