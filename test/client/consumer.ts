// A program of somebody else: compiled against the built package, then run. It says what it found as JSON.
import {
  ApiError,
  getModelInfo,
  getModelVersion,
  listRegisteredModels,
  loadModel,
  type ModelInfo,
  promoteModel,
  type Rows,
  type VersionInfo,
} from 'greenroom'

const name = 'rossmann'
const rows: Rows = JSON.parse(process.argv[2] ?? '[]')

await promoteModel({ name, version: '2', stage: 'Production', archiveExisting: true })
const version: number | null = await getModelVersion(name, { stage: 'Production' })
const info: VersionInfo = await getModelInfo(name, { version: version ?? 0 })
const all: ModelInfo = await getModelInfo(name)
const refused = await getModelInfo('nobody').catch(
  (error: unknown) => error instanceof ApiError && error.code,
)

await using model = await loadModel(name, { stage: 'Production' })
const predictions: Float64Array = await model.predict(rows)

// @ts-expect-error: a version is asked for in one way only
loadModel(name, { stage: 'Production', version: 2 }).catch(() => {})

console.log(
  JSON.stringify({
    models: await listRegisteredModels(),
    version,
    stage: info.currentStage,
    runId: info.runId,
    versions: all.versions.map((one) => [one.version, one.stage]),
    refused,
    runtime: model.runtime,
    predictions: [...predictions],
  }),
)
