import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { score } from '../../src/checks/score.ts'
import { loadModel, type Model, type Options, promoteModel, type Which } from '../../src/client/index.ts'
import { register } from '../../src/lifecycle.ts'
import { numbersOf, openTable } from '../../src/runtimes/table.ts'
import { published, rossmann } from '../checks/subjects.ts'
import { startAliases } from '../helpers/alias-server.ts'
import { type HttpServer, serveHttp } from '../helpers/http-server.ts'
import { actor, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { startTracking } from '../helpers/tracking-server.ts'
import { type AppFixture, openApp } from '../http/app-fixture.ts'
import { folderWith } from '../runtimes/folder.ts'
import { meanModel } from '../runtimes/onnx-writer.ts'

const policy = policyOf('defaults: { gate: none, validate: [], test: [] }')
const sourceOf = (version: number) => join(rossmann, published(rossmann, version).file)

let fixture: AppFixture
let cache: string
let as: Options
let holdout: { columns: Map<string, Float64Array>; rows: Record<string, number>[]; sales: Float64Array }
const models: Model[] = []

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'greenroom-cache-'))
  fixture = await openApp({ policy })
  const url = await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  const token = fixture.as('admin').authorization.replace('Bearer ', '')
  as = { url, token, env: {} }
  const table = await openTable('holdout.csv', [rossmann])
  const columns = numbersOf(table, table.header)
  const sales = columns.get('Sales') ?? new Float64Array()
  const rows = Array.from(sales, (_, row) =>
    Object.fromEntries([...columns].map(([name, values]) => [name, values[row] ?? Number.NaN])),
  )
  holdout = { columns, rows, sales }
  for (const version of [1, 2, 3]) {
    const { digest } = published(rossmann, version)
    await add('rossmann', { source: sourceOf(version), digest })
  }
  for (const version of [1, 2]) await promoteModel({ name: 'rossmann', version, archiveExisting: true }, as)
})
afterAll(async () => {
  await fixture.close()
  await rm(cache, { recursive: true, force: true })
})
afterEach(async () => {
  for (const model of models.splice(0)) await model.close()
})

const add = async (name: string, over: Parameters<typeof registration>[1]) =>
  (await register(fixture.deps.db, registration(name, over), actor('ci'), lifecycleDeps(policy))).version

/** Loads with a cache of the test's own; the model is closed after the test. */
async function load(name: string, which?: Which, env: NodeJS.ProcessEnv = {}): Promise<Model> {
  const model = await loadModel(name, which, { ...as, env: { GREENROOM_HOME: cache, ...env } })
  models.push(model)
  return model
}

describe('a version is loaded', () => {
  test('by stage, by number and by alias, and predicts what it was published with', async () => {
    const behind = as.url ?? ''
    const aliases = await startAliases(behind, { rossmann: { champion: 2 } })
    onTestFinished(() => aliases.close())
    const wanted: Which[] = [{ stage: 'Production' }, { version: 2 }, { version: '2' }, { alias: 'champion' }]
    for (const which of wanted) {
      const model = await loadModel('rossmann', which, { ...as, url: aliases.url })
      models.push(model)
      const { version, stage, digest, verified } = model
      expect({ version, stage, digest, verified }).toEqual({
        version: 2,
        stage: 'Production',
        digest: published(rossmann, 2).digest,
        verified: true,
      })
      const predictions = await model.predict(holdout.rows)
      const { rmspe } = published(rossmann, 2).metrics
      expect(score('rmspe', predictions, holdout.sales)).toBeCloseTo(rmspe ?? Number.NaN, 5)
    }
    expect((await load('rossmann', { stage: 'Archived' })).version).toBe(1)
    expect(await load('rossmann')).toMatchObject({ version: 2, stage: 'Production' })
  })

  test('an alias that is unknown, and a model, is refused in the words of the server', async () => {
    const aliases = await startAliases(as.url ?? '', { rossmann: { champion: 2 } })
    onTestFinished(() => aliases.close())
    const from = { ...as, url: aliases.url }
    await expect(loadModel('rossmann', { alias: 'gone' }, from)).rejects.toMatchObject({
      name: 'ApiError',
      status: 400,
      code: 'INVALID_PARAMETER_VALUE',
      message: 'Registered model alias gone not found.',
    })
    await expect(loadModel('nobody', { alias: 'champion' }, from)).rejects.toMatchObject({ status: 404 })
  })

  test('only if one is in the stage', async () => {
    await expect(load('rossmann', { stage: 'Staging' })).rejects.toMatchObject({
      name: 'NotFoundError',
      message: '"rossmann" has no version in Staging.',
    })
  })
})

describe('rows', () => {
  test('may be objects in any order, with more than is needed, or arrays in the order of the columns', async () => {
    const model = await load('rossmann', { version: 3 })
    const names = model.columns?.map(({ name }) => name) ?? []
    expect(names).toHaveLength(15)
    const rows = holdout.rows.slice(0, 5)
    const expected = await model.predict(rows)
    const matrix = rows.map((row) => names.map((name) => row[name] ?? Number.NaN))
    const turned = rows.map((row) => Object.fromEntries(Object.entries(row).reverse()))
    for (const same of [matrix, matrix.map((row) => Float32Array.from(row)), turned])
      expect(await model.predict(same)).toEqual(expected)
    expect(expected).toBeInstanceOf(Float64Array)
    expect(await model.predict([])).toEqual(new Float64Array())
  })

  test('that lack a column are refused with its name', async () => {
    const model = await load('rossmann', { version: 3 })
    const { Promo: _, ...row } = holdout.rows[0] ?? {}
    await expect(model.predict([row])).rejects.toThrow(
      /^Row 1 has no column Promo; the model takes 15: Store, DayOfWeek, /,
    )
    await expect(model.predict([[1, 2, 3]])).rejects.toThrow(/^Row 1 has 3 values; the model takes 15: Store/)
  })

  test('that are too wide for a model without names are refused with the shape that it takes', async () => {
    const source = join(await folderWith({ 'm.onnx': meanModel(3) }), 'm.onnx')
    const model = await load('unnamed', { version: await add('unnamed', { source }) })
    expect(await model.predict([[1, 2, 3]])).toEqual(Float64Array.of(2))
    await expect(model.predict([{ a: 1, b: 2 }])).rejects.toThrow(
      "the model's input features takes 3 columns, but the first row has 2: a, b",
    )
  })

  test('may be predicted by many at once, and what is asked before closing is answered', async () => {
    const model = await load('rossmann', { version: 3 })
    const rows = holdout.rows.slice(0, 20)
    const expected: Float64Array[] = []
    for (const row of rows) expected.push(await model.predict([row]))
    const answers = rows.map((row) => model.predict([row]))
    const closed = model.close()
    expect(await Promise.all(answers)).toEqual(expected)
    await closed
    await model.close()
    await expect(model.predict(holdout.rows)).rejects.toThrow('The model is closed.')
  })
})

describe('what is loaded is what was recorded', () => {
  test('a file that was changed since is refused', async () => {
    const folder = await folderWith({ 'm.onnx': '' })
    const source = join(folder, 'm.onnx')
    await copyFile(sourceOf(1), source)
    const version = await add('changed', { source, digest: published(rossmann, 1).digest })
    expect((await load('changed', { version })).verified).toBe(true)
    await copyFile(sourceOf(2), source)
    await expect(load('changed', { version })).rejects.toMatchObject({
      name: 'DigestMismatchError',
      recorded: published(rossmann, 1).digest,
      found: published(rossmann, 2).digest,
    })
  })

  test('a version without a digest is loaded, and says that nothing was compared', async () => {
    const version = await add('unknown', { source: sourceOf(1) })
    const model = await load('unknown', { version })
    expect(model).toMatchObject({ verified: false, digest: published(rossmann, 1).digest })
  })

  test('a source that is gone, or is of another kind, is told in one sentence', async () => {
    const gone = await add('gone', { source: '/nonexistent/m.onnx' })
    await expect(load('gone', { version: gone })).rejects.toThrow(
      'there is no file or folder /nonexistent/m.onnx',
    )
    const zip = await folderWith({ 'm.zip': Buffer.from('504b0304', 'hex') })
    const packed = await add('packed', { source: join(zip, 'm.zip') })
    await expect(load('packed', { version: packed })).rejects.toThrow(
      'm.zip is a zip archive, which is not unpacked',
    )
  })
})

describe('an artifact that is elsewhere', () => {
  let server: HttpServer

  beforeAll(async () => {
    server = await serveHttp(async (_, { pathname }, response) => {
      const version = Number(/^\/(\d)\.onnx$/.exec(pathname)?.[1])
      response.end(await readFile(sourceOf(version)))
    })
  })
  afterAll(() => server.close())

  test('is fetched once, kept by its digest, and fetched anew when somebody changed it there', async () => {
    const { digest } = published(rossmann, 1)
    const version = await add('fetched', { source: `${server.url}/1.onnx`, digest })
    const expected = await (await load('rossmann', { version: 1 })).predict(holdout.rows)
    const again = async () => (await load('fetched', { version })).predict(holdout.rows)
    expect(await again()).toEqual(expected)
    expect(await again()).toEqual(expected)
    expect(server.requests).toEqual(['GET /1.onnx'])
    await writeFile(join(cache, 'artifacts', digest.replace(':', '-')), 'changed')
    expect(await again()).toEqual(expected)
    expect(server.requests).toHaveLength(2)
  })

  test('is refused when it is another one than was recorded', async () => {
    const { digest } = published(rossmann, 3)
    const version = await add('swapped', { source: `${server.url}/2.onnx`, digest })
    await expect(load('swapped', { version })).rejects.toMatchObject({ name: 'DigestMismatchError' })
  })

  test('may be a folder that a tracking server hands out, whose MLmodel names the columns', async () => {
    const names = ['c', 'a', 'b'].map((name) => ({ type: 'double', name, required: true }))
    const mlmodel = `flavors:\n  onnx: { data: model.onnx }\n  python_function: {}\nsignature:\n  inputs: '${JSON.stringify(names)}'\n`
    const tracking = await startTracking(
      {
        artifacts: { '1/MLmodel': mlmodel, '1/model.onnx': meanModel('columns') },
        models: { 'm-1': { name: 'm', artifact_uri: 'mlflow-artifacts:/1' } },
      },
      'Bearer t',
    )
    onTestFinished(() => tracking.close())
    const env = { MLFLOW_TRACKING_URI: tracking.url, MLFLOW_TRACKING_TOKEN: 't' }
    const model = await load('logged', { version: await add('logged', { source: 'models:/m-1' }) }, env)
    expect(model.columns?.map(({ name }) => name)).toEqual(['c', 'a', 'b'])
    expect(await model.predict([{ a: 1, b: 2, c: 3 }])).toEqual(Float64Array.of(2))
    await expect(model.predict([{ a: 1, b: 2 }])).rejects.toThrow(
      'Row 1 has no column c; the model takes 3: c, a, b.',
    )
  })
})
