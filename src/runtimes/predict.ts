// Carrying out a task: what happens inside of a sandbox.
import { OperatorError } from '../errors.ts'
import { maxModelBytes, readArtifact } from './artifact.ts'
import { predictTable } from './batches.ts'
import { feedsFor, type Layout, layoutOf, zerosFor } from './columns.ts'
import type { Measured, ModelAnswer, ModelTask, Predicted, PredictTask, SmokeTask } from './model-task.ts'
import { type Answer, type Feed, type LoadedModel, loadModel, run } from './onnx.ts'
import { pickOnnx } from './onnx-files.ts'
import { UnreadableSourceError } from './source.ts'
import { numbersOf, openTable } from './table.ts'
import { UnusableModelError } from './unusable.ts'

type Loaded = { model: LoadedModel; digest: string; loadMs: number }

/** Loads the model of a task and does what the task asks. *Never rejects.* */
export async function performTask(task: ModelTask): Promise<ModelAnswer> {
  let digest: string | null = null
  try {
    const limits = { maxBytes: maxModelBytes, keepContent: true }
    const artifact = await readArtifact(task.source, task.roots, limits)
    digest = artifact.digest
    const startedAt = performance.now()
    const model = await loadModel(pickOnnx(artifact))
    const loaded = { model, digest, loadMs: performance.now() - startedAt }
    return task.kind === 'smoke' ? await smoke(task, loaded) : await predict(task, loaded)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof UnreadableSourceError || error instanceof UnusableModelError)
      return { kind: 'unusable', digest, message }
    return { kind: error instanceof OperatorError ? 'badData' : 'errored', message }
  }
}

async function predict({ data, roots }: PredictTask, { model, digest }: Loaded): Promise<Predicted> {
  const table = await openTable(data.file, roots)
  const layout = layoutOf(model, { ...table, target: data.target })
  const columns = numbersOf(table, [...layout.columns, data.target])
  const actual = columns.get(data.target) ?? new Float64Array()
  const predicted = await predictRows(model, layout, columns, actual.length)
  return { kind: 'predicted', digest, dataDigest: table.digest, predicted, actual }
}

async function predictRows(
  model: LoadedModel,
  layout: Layout,
  columns: Map<string, Float64Array>,
  rows: number,
): Promise<Float64Array> {
  const { values, width } = await predictTable(model, layout, columns, rows)
  if (width === 1) return values
  throw new UnusableModelError(
    `the model answers ${rows} rows in shape [${rows}, ${width}], not with one number for each row`,
  )
}

async function smoke(task: SmokeTask, { model, digest, loadMs }: Loaded): Promise<Measured> {
  const sample = task.data === null ? await tryZeros(model) : await trySample(task, model, task.data)
  const latenciesMs = await timeRuns(model, sample.oneRow, task.timing)
  const { rows, notFinite } = sample
  return { kind: 'measured', digest, loadMs, rows, notFinite, latenciesMs }
}

type Sample = { rows: number; notFinite: Measured['notFinite']; oneRow: (index: number) => Feed[] }

async function trySample(task: SmokeTask, model: LoadedModel, data: { file: string; target: string | null }) {
  const table = await openTable(data.file, task.roots)
  const layout = layoutOf(model, { ...table, target: data.target })
  const columns = numbersOf(table, layout.columns, task.sampleRows)
  const rows = Math.max(...[...columns.values()].map((values) => values.length))
  const predicted = await predictRows(model, layout, columns, rows)
  const oneRow = (index: number) => feedsFor(layout, columns, index % rows, (index % rows) + 1)
  return { rows, notFinite: firstNotFinite({ values: predicted, dims: [rows] }), oneRow } satisfies Sample
}

async function tryZeros(model: LoadedModel): Promise<Sample> {
  const feeds = zerosFor(model)
  const answer = await run(model, feeds).catch((error) => hintAtData(error, model))
  const rows = feeds[0]?.dims[0] ?? 1
  if ((answer.dims.length > 0 && answer.dims[0] !== rows) || answer.values.length === 0)
    throw new UnusableModelError(`the model answers ${rows} rows in shape [${answer.dims.join(', ')}]`)
  return { rows, notFinite: firstNotFinite(answer), oneRow: () => feeds }
}

/** Says of a model that zeros may not fit how to give it what does. */
function hintAtData(error: unknown, { inputs }: LoadedModel): never {
  const open = inputs.find(({ shape }) => shape.slice(1).includes(null))
  if (open === undefined || !(error instanceof UnusableModelError)) throw error
  throw new UnusableModelError(
    `${error.message}; the zeros that it was given may not fit, because its input ${open.name} leaves its shape ` +
      'open: give the smoke check data',
  )
}

function firstNotFinite({ values, dims }: Answer): Measured['notFinite'] {
  const index = values.findIndex((value) => !Number.isFinite(value))
  if (index < 0) return null
  const perRow = values.length / (dims[0] ?? 1)
  return { row: Math.floor(index / perRow) + 1, value: String(values[index]) }
}

async function timeRuns(
  model: LoadedModel,
  oneRow: (index: number) => Feed[],
  { warmUps, runs, budgetMs }: SmokeTask['timing'],
): Promise<Float64Array> {
  const latenciesMs: number[] = []
  const endsAt = performance.now() + budgetMs
  for (let index = -warmUps; index < runs; index += 1) {
    const feeds = oneRow(index + warmUps)
    const startedAt = performance.now()
    await run(model, feeds)
    const finishedAt = performance.now()
    if (index >= 0) latenciesMs.push(finishedAt - startedAt)
    if (finishedAt > endsAt && latenciesMs.length > 0) break
  }
  return Float64Array.from(latenciesMs)
}
