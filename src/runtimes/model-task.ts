// What is asked of a model in a sandbox, and what comes back. The answers cross from a process that has loaded
// somebody's model, so they are parsed.
import { z } from 'zod'

/** A CSV file, and its column that is not a feature. */
export type Data = { file: string; target: string | null }

/** Predict on a sample of `data`, or on zeros without it, then time predictions of one row. */
export type SmokeTask = {
  kind: 'smoke'
  source: string
  roots: string[]
  data: Data | null
  sampleRows: number
  /** Timing ends after `runs` predictions, or after `budgetMs` if that comes first. */
  timing: { warmUps: number; runs: number; budgetMs: number }
}

/** Predict every row of `data`. */
export type PredictTask = {
  kind: 'predict'
  source: string
  roots: string[]
  data: Data & { target: string }
}

export type ModelTask = SmokeTask | PredictTask

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
const numbers = z.custom<Float64Array>((value) => value instanceof Float64Array)

/** What a sandbox answers to a task. */
export const modelAnswer = z.discriminatedUnion('kind', [
  /** To a smoke task; rows count from 1. */
  z.object({
    kind: z.literal('measured'),
    digest,
    loadMs: z.number(),
    rows: z.number(),
    notFinite: z.object({ row: z.number(), value: z.string() }).nullable(),
    latenciesMs: numbers,
  }),
  /** To a predict task. */
  z.object({ kind: z.literal('predicted'), digest, dataDigest: digest, predicted: numbers, actual: numbers }),
  /** The model or its source is at fault; `digest` where it could be read. */
  z.object({ kind: z.literal('unusable'), digest: digest.nullable(), message: z.string() }),
  /** The operator's data is at fault. */
  z.object({ kind: z.literal('badData'), message: z.string() }),
  /** Something else went wrong. */
  z.object({ kind: z.literal('errored'), message: z.string() }),
])

export type ModelAnswer = z.infer<typeof modelAnswer>
export type Measured = Extract<ModelAnswer, { kind: 'measured' }>
export type Predicted = Extract<ModelAnswer, { kind: 'predicted' }>
export type Unusable = Extract<ModelAnswer, { kind: 'unusable' }>
