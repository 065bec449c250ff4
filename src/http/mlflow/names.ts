// What names, tags, aliases, versions and stages may look like, refused in MLflow's words: its clients match on them.
import { canonicalJson } from '../../canonical-json.ts'
import { InvalidInputError, NotFoundError } from '../../errors.ts'
import { type Stage, stageNamed, stages } from '../../machines/stages.ts'
import { longest } from '../registration-fields.ts'
import { shown } from './errors.ts'

const longestVersion = 2 ** 31 - 1

/** Refuses a name that no registered model may have. *Pure.* */
export function checkModelName(name: string, parameter = 'name'): void {
  if (name.trim() === '') throw new InvalidInputError(`Missing value for required parameter '${parameter}'.`)
  if (/[/:]/.test(name))
    throw new InvalidInputError(`Invalid model name '${shown(name)}'. Names cannot contain '/' or ':'.`)
  refuseOddPath('name', name)
  refuseLonger(parameter, name, 256)
}

/** Refuses a key that no tag may have. *Pure.* */
export function checkTagKey(key: string): void {
  if (!/^[/\p{L}\p{N}_.\- :]*$/u.test(key))
    throw new InvalidInputError(
      `Invalid value ${jsonAscii(shown(key))} for parameter 'key' supplied: Names may only contain alphanumerics, ` +
        'underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).',
    )
  refuseOddPath('key', key)
  refuseLonger('key', key, longest.tagKey)
}

/** Refuses a tag that no model and no version may have. *Pure.* */
export function checkTag(key: string, value: string): void {
  checkTagKey(key)
  refuseLonger('value', value, longest.tagValue)
}

/** Refuses a name that no alias may have, to be asked for or set. *Pure.* */
export function checkAlias(alias: string): void {
  if (!/^[\p{L}\p{N}_-]*$/u.test(alias))
    throw new InvalidInputError(
      `Invalid alias name: '${shown(alias)}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    )
  refuseLonger('Registered model alias name', alias, 255)
}

/** Tells whether an alias is the one that always means the highest version. *Pure.* */
export function meansLatest(alias: string): boolean {
  return alias.toLowerCase() === 'latest'
}

/** Refuses an alias that may be asked for and never be set. *Pure.* */
export function checkNewAlias(alias: string): void {
  checkAlias(alias)
  if (meansLatest(alias)) throw new InvalidInputError("'latest' alias name (case insensitive) is reserved.")
  // In any script's digits, as `\d` is to Python.
  if (/^[vV]\p{Nd}+$/u.test(alias)) throw new InvalidInputError(`Version alias name '${alias}' is reserved.`)
}

/** The number that a request's text of a version means. Throws NotFoundError for one that no version can have. *Pure.* */
export function parseVersion(text: string): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text))
    throw new InvalidInputError(`Parameter 'version' must be an integer, got '${shown(text)}'.`)
  const version = Number(text)
  if (version >= 1 && version <= longestVersion) return version
  throw new NotFoundError(`No version has the number ${shown(text)}.`)
}

/** The stage that a text names, in any case. *Pure.* */
export function parseStage(text: string): Stage {
  const stage = stageNamed(text)
  if (stage !== null) return stage
  throw new InvalidInputError(
    `Invalid Model Version stage: ${shown(text)}. Value must be one of ${stages.join(', ')}.`,
  )
}

/** Refuses a text that is longer than what is kept; in characters as people count them. *Pure.* */
export function refuseLonger(parameter: string, text: string, limit: number): void {
  if (text.length > limit && (text.length > 2 * limit || [...text].length > limit))
    throw new InvalidInputError(`'${parameter}' exceeds the maximum length of ${limit} characters`)
}

/** JSON in ASCII alone and with sorted keys, as MLflow repeats values. *Pure.* */
export function jsonAscii(value: unknown): string {
  return canonicalJson(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function refuseOddPath(parameter: string, name: string): void {
  const plain = normalPath(name)
  if (plain === name && plain !== '.' && !plain.startsWith('..') && !plain.startsWith('/')) return
  throw new InvalidInputError(
    `Invalid value ${jsonAscii(shown(name))} for parameter '${parameter}' supplied: Names may be treated as files in ` +
      'certain cases, and must not resolve to other names when treated as such. This name would resolve to ' +
      `'${shown(plain)}'`,
  )
}

/** A path as Python's `posixpath.normpath` writes it. */
function normalPath(path: string): string {
  const root = /^(?:\/\/(?!\/)|\/?)/.exec(path)?.[0] ?? ''
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    const climbs = part === '..' && (root !== '' || (parts.length > 0 && parts.at(-1) !== '..'))
    if (climbs) parts.pop()
    else parts.push(part)
  }
  return `${root}${parts.join('/')}` || '.'
}
