import { z } from 'zod'
import { describeProblems } from '../block-kit/problems.ts'
import type { Workspace } from '../workspace.ts'

/** What a Web API method answers; always HTTP 200, success or not. */
export type Answer = ({ ok: true } | { ok: false; error: string }) & Record<string, unknown>

/** A Web API method: takes its arguments as they came and changes the workspace, or refuses. */
export type Method = (workspace: Workspace, args: Record<string, unknown>) => Answer

/** Either the value, or the answer that refuses it. */
export type Checked<T> = { kind: 'fine'; value: T } | { kind: 'refused'; answer: Answer }

/** A refusal in Slack's form: the code, and where there are any, the faults one by one. *Pure.* */
export function refuse(error: string, problems: string[] = []): Answer {
  if (problems.length === 0) return { ok: false, error }
  const messages = problems.map((problem) => `[ERROR] ${problem}`)
  return { ok: false, error, errors: problems, response_metadata: { messages } }
}

/** Parses `input`; what does not fit is refused with `error` and pointers below `root`. *Pure.* */
export function check<T>(schema: z.ZodType<T>, input: unknown, error: string, root = ''): Checked<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return { kind: 'fine', value: parsed.data }
  return { kind: 'refused', answer: refuse(error, describeProblems(parsed.error, input, root)) }
}

/** A flag of a form: `true` or `1`, as text or as JSON. */
export const flag = z
  .union([z.boolean(), z.string(), z.number()])
  .transform((value) => /^(true|1)$/.test(String(value)))

/** Text that may have come as a number in JSON. */
export const textual = z.union([z.string(), z.number()]).transform(String)

/** A structured argument: JSON text in a form, or the value itself in a JSON body. Undefined where it is no JSON. */
export function readJson(argument: unknown): unknown {
  if (typeof argument !== 'string') return argument
  try {
    return JSON.parse(argument)
  } catch {
    return undefined
  }
}
