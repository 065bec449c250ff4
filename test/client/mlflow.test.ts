import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { loadModel, type Options } from '../../src/client/index.ts'
import { register } from '../../src/lifecycle.ts'
import { numbersOf, openTable } from '../../src/runtimes/table.ts'
import { diabetes } from '../checks/subjects.ts'
import { actor, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { pythonOf } from '../helpers/requirements.ts'
import { until } from '../helpers/until.ts'
import { type AppFixture, openApp } from '../http/app-fixture.ts'
import { processesWith } from '../runtimes/processes.ts'

const missing = inject('available').mlflow
const policy = policyOf('defaults: { gate: none, validate: [], test: [] }')
const python = pythonOf(process.env)
const port = 20_000 + (process.pid % 20_000)
const tracking = `http://127.0.0.1:${port}`

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

describe.skipIf(missing !== null)('a model that scikit-learn made, on a real MLflow', () => {
  let fixture: AppFixture
  let folder: string
  let as: Options
  let stopServer: () => Promise<void>
  let logged: { uri: string; run: string; predicted: number[] }
  let rows: Record<string, number>[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'greenroom-mlflow-'))
    await mkdir(join(folder, 'tmp'))
    stopServer = await startMlflow(folder)
    const script = join(import.meta.dirname, 'log_model.py')
    const args = [script, join(diabetes, 'holdout.csv'), 'progression', join(folder, 'saved')]
    const env = { PATH: process.env.PATH, MLFLOW_TRACKING_URI: tracking }
    const { stdout } = await promisify(execFile)(python, args, { cwd: folder, env })
    logged = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
    const columns = [...numbersOf(...(await holdout()))]
    rows = logged.predicted.map((_, row) =>
      Object.fromEntries(columns.map(([name, values]) => [name, values[row] ?? Number.NaN])),
    )
    fixture = await openApp({ policy })
    const url = await fixture.app.listen({ host: '127.0.0.1', port: 0 })
    const token = fixture.as('admin').authorization.replace('Bearer ', '')
    const rest = { GREENROOM_PYTHON: python, GREENROOM_HOME: join(folder, 'home') }
    as = { url, token, env: { PATH: process.env.PATH, MLFLOW_TRACKING_URI: tracking, ...rest } }
  })
  afterAll(async () => {
    await fixture?.close()
    await stopServer?.()
    await rm(folder, { recursive: true, force: true })
  })

  const add = (name: string, source: string, digest: string | null = null) =>
    register(fixture.deps.db, registration(name, { source, digest }), actor('ci'), lifecycleDeps(policy))

  test('is found by the ids of its model and its run, fetched, and predicts as it did in Python', async () => {
    await add('by-model', logged.uri)
    const byModel = await loadModel('by-model', { version: 1 }, as)
    expect(byModel).toMatchObject({ runtime: 'mlflow', verified: false })
    expect(byModel.columns?.[0]).toEqual({ name: 'age', type: 'double' })
    const predictions = await byModel.predict(rows)
    for (const [row, value] of logged.predicted.entries()) expect(predictions[row]).toBeCloseTo(value, 9)
    await expect(byModel.predict([{ age: 1 }])).rejects.toThrow('Row 1 has no column sex, bmi, ')
    const odd = { ...rows[0], age: 'abc' }
    await expect(byModel.predict([odd])).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringMatching(/^The model does not take these rows: .*column age/),
    })
    await byModel.close()

    await add('by-run', `runs:/${logged.run}/linear`, byModel.digest)
    const byRun = await loadModel('by-run', { version: 1 }, as)
    expect(byRun).toMatchObject({ verified: true, digest: byModel.digest })
    expect((await byRun.predict(rows.slice(0, 1)))[0]).toBeCloseTo(logged.predicted[0] ?? Number.NaN, 9)
    await byRun.close()
    const cached = `sha256-${byModel.digest.slice('sha256:'.length)}`
    expect(await readdir(join(folder, 'home/artifacts'))).toEqual([cached])
  })

  test('leaves no process and no copy behind when the program that loaded it is killed (P1)', async () => {
    await add('saved', join(folder, 'saved'))
    const args = [
      join(import.meta.dirname, 'loader.ts'),
      as.url ?? '',
      as.token ?? '',
      'saved',
      JSON.stringify(rows[0]),
    ]
    const env = { ...as.env, TMPDIR: join(folder, 'tmp') }
    const program = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = await once(program.stdout.setEncoding('utf8'), 'data')
    expect(Number(said.replace('predicted ', ''))).toBeCloseTo(logged.predicted[0] ?? Number.NaN, 9)
    expect(await processesWith(`TMPDIR=${join(folder, 'tmp')}`)).not.toEqual([])
    program.kill('SIGKILL')
    await until(async () => (await processesWith(`TMPDIR=${join(folder, 'tmp')}`)).length === 0)
    await until(async () => (await readdir(join(folder, 'tmp'))).length === 0)
  })
})

async function holdout(): Promise<Parameters<typeof numbersOf>> {
  const table = await openTable('holdout.csv', [diabetes])
  return [table, table.header.filter((name) => name !== 'progression')]
}

/** A tracking server that hands out artifacts itself; ended as a group, for it starts processes of its own. */
async function startMlflow(folder: string): Promise<() => Promise<void>> {
  const stores = [
    '--backend-store-uri',
    `sqlite:///${folder}/mlflow.db`,
    '--artifacts-destination',
    `${folder}/artifacts`,
  ]
  const args = [
    '-m',
    'mlflow',
    'server',
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--workers',
    '1',
    ...stores,
  ]
  const server = spawn(python, args, { cwd: folder, detached: true, stdio: 'ignore' })
  await until(async () => (await fetch(`${tracking}/health`).catch(() => null))?.ok === true, 120_000)
  return async () => {
    process.kill(-(server.pid ?? 0), 'SIGKILL')
    await once(server, 'exit')
  }
}
