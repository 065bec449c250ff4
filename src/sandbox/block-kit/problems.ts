import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/**
 * The faults of `input` in the words Slack uses, each with a pointer to the place, such as
 * `must be less than 3001 characters [json-pointer:/blocks/0/text/text]`. *Pure.*
 */
export function describeProblems(error: z.ZodError, input: unknown, root: string): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `invalid additional property: ${key} ${pointer(root, issue.path)}`)
    }
    if (issue.code === 'invalid_type' && valueAt(input, issue.path) === undefined && issue.path.length > 0) {
      const field = String(issue.path.at(-1))
      return [`missing required field: ${field} ${pointer(root, issue.path.slice(0, -1))}`]
    }
    return [`${describe(issue, input)} ${pointer(root, issue.path)}`]
  })
}

function describe(issue: Issue, input: unknown): string {
  if (issue.code === 'too_big' && issue.origin === 'string') {
    return `must be less than ${Number(issue.maximum) + 1} characters`
  }
  if (issue.code === 'too_big' && issue.origin === 'array') {
    return `no more than ${issue.maximum} items allowed`
  }
  if (issue.code === 'too_small' && issue.origin === 'string') {
    return `must be more than ${Number(issue.minimum) - 1} characters`
  }
  if (issue.code === 'too_small' && issue.origin === 'array') {
    return `no fewer than ${issue.minimum} items allowed`
  }
  if (issue.code === 'invalid_type') {
    return `must provide ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`
  }
  if (issue.code === 'invalid_union') return `unsupported type: ${String(valueAt(input, issue.path))}`
  if (issue.code === 'invalid_value') return `must be one of: ${issue.values.join(', ')}`
  return issue.message
}

function pointer(root: string, path: PropertyKey[]): string {
  return `[json-pointer:${[root, ...path.map(String)].join('/')}]`
}

function valueAt(input: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  )
}
