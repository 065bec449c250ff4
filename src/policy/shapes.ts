// What zod needs to be told once, so that every fault of a policy file reads as one plain sentence.
import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import { hintFor } from '../spelling.ts'
import type { Fault } from './faults.ts'
import type { Path, Source } from './source.ts'

/** A mapping that refuses every key but its own; each stranger is a fault of its own, with the nearest known key. */
export function strict<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const refusal = z.custom(() => false, { params: { known: Object.keys(shape) } })
  // It behaves as a strict object does; only the faults differ.
  return z.object(shape).catchall(refusal) as unknown as z.ZodObject<S, z.core.$strict>
}

/** A duration such as `30s` within [`min`, `max`] milliseconds; as milliseconds. */
export function duration(min: number, max: number, wording: string) {
  const error = `must be a duration ${wording}`
  return z.string({ error: wordingOr(error) }).transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== null && ms >= min && ms <= max) return ms
    context.issues.push({ code: 'custom', message: error, input: text })
    return z.NEVER
  })
}

/** Parses the part of a source at `path`; collects its faults and gives undefined when there are any. */
export function parsePart<T>(
  source: Source,
  path: Path,
  schema: z.ZodType<T>,
  faults: Fault[],
): T | undefined {
  const part = path.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], source.value)
  const result = schema.safeParse(part, { error: wordShape })
  for (const issue of result.error?.issues ?? []) faults.push(faultOf(source, path, issue))
  return result.data
}

function faultOf(source: Source, base: Path, issue: z.core.$ZodIssue): Fault {
  const path = [...base, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
  const known: unknown = issue.code === 'custom' ? issue.params?.known : undefined
  if (Array.isArray(known)) {
    const key = String(path.at(-1))
    const owner = path.slice(0, -1).findLast((one) => typeof one === 'string')
    const where = owner === undefined ? 'at the top' : `under ${owner}`
    return { ...source.placeOfKey(path), message: `unknown key "${key}" ${where}${hintFor(key, known)}` }
  }
  return { ...source.placeOf(path), message: `${nameOf(path)} ${issue.message}` }
}

function nameOf(path: Path): string {
  const name = path.findLast((key) => typeof key === 'string') ?? 'the file'
  return typeof path.at(-1) === 'number' ? `an entry of ${name}` : name
}

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

/** The wording for a value that is absent, empty or of the wrong kind. */
function wordShape(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return 'is missing'
  if (issue.input === null) return 'is empty; give it a value or remove the key'
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map(String)
    return `must be ${allowed.join(' or ')}${hintFor(String(issue.input), allowed)}`
  }
  return undefined
}

function wordingOr(message: string) {
  return (issue: z.core.$ZodRawIssue) =>
    issue.input === undefined || issue.input === null ? wordShape(issue) : message
}
