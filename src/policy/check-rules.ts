import { z } from 'zod'
import type { CheckRule } from './policy.ts'
import { duration, strict } from './shapes.ts'

const hourMs = 3_600_000

// A timer of more than 24 days would fire at once, so the bound has a bound.
const timeout = duration(1, 24 * hourMs, 'from 1ms to 24h, such as 30s')
  .refine(Number.isInteger, 'must be whole milliseconds')
  .prefault('60s')
const file = z
  .string()
  .refine((path) => path.trim() !== '' && !path.includes('\0'), 'must be a path to a CSV file')
const column = z.string().min(1, 'must be the name of a column')

const artifact = strict({ timeout }).transform(
  ({ timeout }): CheckRule => ({ kind: 'artifact', timeoutMs: timeout }),
)

const smoke = strict({
  data: file.optional(),
  target: column.optional(),
  p95: duration(0.001, hourMs, 'from 0.001ms to 1h, such as 50ms').optional(),
  timeout,
})
  .refine(({ data, target }) => target === undefined || data !== undefined, {
    path: ['target'],
    error: 'names a column of data; add data, or remove it',
  })
  .transform(
    ({ data, target, p95, timeout }): CheckRule => ({
      kind: 'smoke',
      data: data ?? null,
      target: target ?? null,
      p95Ms: p95 ?? null,
      timeoutMs: timeout,
    }),
  )

const limit = strict({ min: z.number().optional(), max: z.number().optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, 'needs min, max or both')
  .refine(({ min, max }) => min === undefined || max === undefined || min <= max, 'has a min above its max')

// Every key but `timeout` is the name of a metric.
const metrics = z
  .object({ timeout })
  .catchall(limit)
  .refine((body) => Object.keys(body).length > 1, 'needs the name of a metric, as in rmspe: { max: 0.25 }')
  .transform(
    ({ timeout, ...limits }): CheckRule => ({ kind: 'metrics', limits, timeoutMs: timeout as number }),
  )

const amountWording = 'must be a number of at least 0 in the unit of the metric, or a percentage such as 0.5%'
const amount = z.union([z.number(), z.string()], amountWording).transform((written, context) => {
  const percent = /^(\d{1,6}(?:\.\d{1,6})?) ?%$/.exec(String(written))?.[1]
  if (percent !== undefined) return { relative: Number(`${percent}e-2`) }
  if (typeof written === 'number' && written >= 0) return { absolute: written }
  context.issues.push({ code: 'custom', message: amountWording, input: written })
  return z.NEVER
})

const incumbent = strict({
  data: file,
  target: column,
  metric: z.enum(['rmspe', 'rmse', 'mae', 'r2']),
  direction: z.enum(['lower', 'higher']).optional(),
  max_loss: amount.optional(),
  min_gain: amount.optional(),
  timeout,
}).transform((body, context): CheckRule => {
  const { data, target, metric, max_loss: loss, min_gain: gain, timeout } = body
  const by = loss ?? gain
  const isTwofold = loss !== undefined && gain !== undefined
  if (by === undefined || isTwofold) {
    const message = isTwofold
      ? 'takes max_loss or min_gain, not both; remove one'
      : 'needs either max_loss or min_gain'
    context.issues.push({ code: 'custom', message, input: body })
    return z.NEVER
  }
  const direction = body.direction ?? (metric === 'r2' ? 'higher' : 'lower')
  const require = loss === undefined ? 'gain' : 'loss'
  return { kind: 'incumbent', data, target, metric, direction, require, by, timeoutMs: timeout }
})

const documented = strict({
  description: z.boolean().prefault(false),
  run: z.boolean().prefault(false),
  dataset: z.boolean().prefault(false),
  tags: z.array(z.string().min(1, 'must be the key of a tag')).prefault([]),
  timeout,
}).transform((body, context): CheckRule => {
  const { timeout, ...wanted } = body
  if (wanted.description || wanted.run || wanted.dataset || wanted.tags.length > 0)
    return { kind: 'documented', ...wanted, timeoutMs: timeout }
  const message = 'needs something to require, as in documented: { description: true, dataset: true }'
  context.issues.push({ code: 'custom', message, input: body })
  return z.NEVER
})

// `- artifact:` and `- artifact` say the same as `- artifact: {}`.
const body = <T extends z.ZodType>(schema: T) => z.preprocess((value) => value ?? {}, schema).optional()

/** One entry of a list of checks: a mapping with the kind of the check as its only key, or the bare kind. */
export const checkRule = z.preprocess(
  (entry) => (typeof entry === 'string' ? { [entry]: {} } : entry),
  strict({
    artifact: body(artifact),
    smoke: body(smoke),
    metrics: body(metrics),
    incumbent: body(incumbent),
    documented: body(documented),
  }).transform((entry, context): CheckRule => {
    const [rule, ...others] = Object.values(entry)
    if (rule !== undefined && others.length === 0) return rule
    const message = 'must be one check: artifact, smoke, metrics, incumbent or documented'
    context.issues.push({ code: 'custom', message, input: entry })
    return z.NEVER
  }),
)
