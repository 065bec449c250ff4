// Which runtime an artifact needs, and what it makes of rows.
import type { Artifact } from '../runtimes/artifact.ts'
import { type Predictions, predictTable } from '../runtimes/batches.ts'
import { layoutOf } from '../runtimes/columns.ts'
import { pickEngine } from '../runtimes/engine.ts'
import { readDescription } from '../runtimes/mlmodel.ts'
import { type LoadedModel, loadModel } from '../runtimes/onnx.ts'
import { pickOnnx } from '../runtimes/onnx-files.ts'
import { startPyfunc } from '../runtimes/pyfunc.ts'
import { numbersIn, type Rows, rowTable } from '../runtimes/rows.ts'

/** A model in its runtime. */
export type Runtime = {
  name: 'onnxruntime-web' | 'onnxruntime-node' | 'mlflow'
  columns: { name: string; type: string }[] | null
  predict(rows: Rows): Promise<Predictions>
  close(): Promise<void>
}

/**
 * Loads an artifact whose contents were kept: as ONNX wherever it holds that, in Python where it is an MLflow model of
 * another kind. Throws UnreadableSourceError, UnusableModelError and OperatorError.
 */
export async function openRuntime(artifact: Artifact, env: NodeJS.ProcessEnv): Promise<Runtime> {
  const description = readDescription(artifact)
  const runtime =
    description !== null && description.onnx === null && description.isPyfunc
      ? await openPyfunc(artifact, description.columns, env)
      : await openOnnx(artifact)
  return closable(runtime)
}

async function openPyfunc(
  artifact: Artifact,
  columns: Parameters<typeof startPyfunc>[1],
  env: NodeJS.ProcessEnv,
): Promise<Runtime> {
  const command = env.GREENROOM_PYTHON?.trim() || 'python3'
  const model = await startPyfunc(artifact, columns, { command, env })
  return { name: 'mlflow', columns: columns?.map(({ name, type }) => ({ name, type })) ?? null, ...model }
}

async function openOnnx(artifact: Artifact): Promise<Runtime> {
  const model = await loadModel(pickOnnx(artifact), await pickEngine())
  const columns = columnsOf(model)
  const names = columns?.map(({ name }) => name) ?? null
  const atWork = new Set<Promise<Predictions>>()
  return {
    name: model.engine.name,
    columns,
    predict: (rows) => {
      const answer = predictRows(model, names, rows)
      atWork.add(answer)
      const done = () => atWork.delete(answer)
      answer.then(done, done)
      return answer
    },
    close: async () => {
      // What is released under a prediction makes it fail, and does not say why.
      await Promise.allSettled(atWork)
      await model.session.release()
    },
  }
}

async function predictRows(model: LoadedModel, names: string[] | null, rows: Rows): Promise<Predictions> {
  const table = rowTable(rows, names)
  if (table.rows === 0) return { values: new Float64Array(), width: 1 }
  const layout = layoutOf(model, { file: 'the first row', header: table.columns, target: null })
  return predictTable(model, layout, numbersIn(table), table.rows)
}

/** Several inputs are columns of their own; the columns of one input have names only where its author gave them. */
function columnsOf({ inputs, features }: LoadedModel): Runtime['columns'] {
  const [only, ...others] = inputs
  if (others.length > 0) return inputs.map(({ name, type }) => ({ name, type }))
  return features?.map((name) => ({ name, type: only?.type ?? 'float32' })) ?? null
}

/** A runtime that is closed once, and says so afterwards. */
function closable(runtime: Runtime): Runtime {
  let closing: Promise<void> | null = null
  return {
    ...runtime,
    predict: async (rows) => {
      if (closing !== null) throw new Error('The model is closed.')
      return runtime.predict(rows)
    },
    close: () => {
      closing ??= runtime.close()
      return closing
    },
  }
}
