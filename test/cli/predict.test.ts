import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { score } from '../../src/checks/score.ts'
import { numbersOf, openTable } from '../../src/runtimes/table.ts'
import { published, rossmann } from '../checks/subjects.ts'
import { startAliases } from '../helpers/alias-server.ts'
import { type Env, startServer, type TestServer } from './greenroom.ts'

const holdout = join(rossmann, 'holdout.csv')

let server: TestServer
let as: Record<'viewer', Env>

beforeAll(async () => {
  server = await startServer('defaults: { gate: none, validate: [], test: [] }', ['--with-workers'])
  as = await server.tokens({ viewer: 'viewer' })
  for (const version of [1, 2]) {
    const { file, digest } = published(rossmann, version)
    const facts = { source: join(rossmann, file), digest, metrics: {} }
    await server.stage('rossmann', 1, facts)
    await server.json(['promote', 'rossmann', '--version', String(version), '--archive-existing'])
  }
  await server.stage('unknown', 1, { source: join(rossmann, published(rossmann, 1).file) })
})
afterAll(() => server.close())

test('predict takes a table, and answers one line for each row, with the version in Production', async () => {
  const { code, stdout, stderr } = await server.greenroom(
    ['predict', 'rossmann', '--data', holdout],
    as.viewer,
  )
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'Predicting with version 2 of rossmann, in Production.\n',
  })
  const predictions = Float64Array.from(stdout.trimEnd().split('\n'), Number)
  const sales = numbersOf(await openTable(holdout, []), ['Sales']).get('Sales') ?? new Float64Array()
  const { rmspe } = published(rossmann, 2).metrics
  expect(score('rmspe', predictions, sales)).toBeCloseTo(rmspe ?? Number.NaN, 5)
})

test('predict takes rows as JSON and from stdin too, and says for machines what it predicted with', async () => {
  const [header = '', first = ''] = (await readFile(holdout, 'utf8')).split('\n')
  const [names, cells] = [header.split(','), first.split(',').map(Number)]
  const row = JSON.stringify(Object.fromEntries(names.map((name, index) => [name, cells[index]])))
  const list = JSON.stringify(cells.slice(0, -1))
  const args = ['predict', 'rossmann', '--version', '1', '--row', row, '--row', row]
  const document = await server.json<{ predictions: number[] }>(args, as.viewer)
  const { digest } = published(rossmann, 1)
  const [prediction] = document.predictions
  const expected = { name: 'rossmann', version: 1, stage: 'Archived', digest, verified: true }
  expect(document).toEqual({ ...expected, predictions: [prediction, prediction] })
  const asList = await server.json<{ predictions: number[] }>(
    ['predict', 'rossmann', '--stage', 'Archived', '--row', list],
    as.viewer,
  )
  expect(asList.predictions).toEqual([prediction])

  const withData = ['predict', 'rossmann', '--version', '1', '--data']
  const { stdout } = await server.greenroom([...withData, holdout], as.viewer)
  const piped = server.begin([...withData, '-'], as.viewer, createReadStream(holdout))
  expect((await piped.ended).stdout).toBe(stdout)
})

test('predict --alias asks the server which version that is', async () => {
  const aliases = await startAliases(server.url, { rossmann: { champion: 1 } })
  const env = { ...as.viewer, GREENROOM_URL: aliases.url }
  const args = ['predict', 'rossmann', '--data', holdout, '--alias']
  expect((await server.greenroom([...args, 'champion'], env)).stderr).toContain(
    'version 1 of rossmann, in Archived',
  )
  expect(await server.greenroom([...args, 'gone'], env)).toEqual({
    code: 1,
    stdout: '',
    stderr: 'Registered model alias gone not found.\n',
  })
  await aliases.close()
})

test('predict tells where nobody can tell whether a version is what was registered', async () => {
  const { code, stderr } = await server.greenroom(['predict', 'unknown', '--version', '1', '--data', holdout])
  expect(code).toBe(0)
  expect(stderr).toContain('No digest of it is recorded')
})

test.skipIf(inject('available')['aws-sdk'] === null)(
  'without the AWS SDK a version in S3 says what to install',
  async () => {
    await server.stage('bucket', 1, { source: 's3://models/m.onnx' })
    expect(await server.greenroom(['predict', 'bucket', '--version', '1', '--data', holdout])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Reading from S3 needs the package @aws-sdk/client-s3; run `npm install @aws-sdk/client-s3`.\n',
    })
  },
)

test('what cannot be predicted is refused in one line that says why', async () => {
  const bad = join(server.place.cwd, 'bad.csv')
  await writeFile(bad, (await readFile(holdout, 'utf8')).replace('Promo,', 'Other,'))
  const changed = join(server.place.cwd, 'changed.onnx')
  await writeFile(changed, 'no model')
  await server.stage('changed', 1, { source: changed, digest: published(rossmann, 1).digest })
  await server.stage('broken', 1, { source: changed })
  await server.stage('gone', 1, { source: '/nonexistent/m.onnx' })
  const data = ['--data', holdout]
  const cases: [string[], string, string][] = [
    [['nobody', ...data], 'not_found', 'There is no registered model named "nobody".'],
    [['unknown', ...data], 'not_found', '"unknown" has no version in Production.'],
    [['rossmann', '--data', 'gone.csv'], 'operator', 'gone.csv cannot be read: ENOENT'],
    [['rossmann', '--data', bad], 'invalid_input', 'Row 1 has no column Promo; the model takes 15: Store,'],
    [['rossmann', '--row', '{"Store":"x"}'], 'invalid_input', 'Row 1 has no column DayOfWeek, Year,'],
    [
      ['changed', '--version', '1', ...data],
      'digest_mismatch',
      'it is not what was validated and is not loaded',
    ],
    [['broken', '--version', '1', ...data], 'unusable_model', 'the model does not load: '],
    [
      ['gone', '--version', '1', ...data],
      'unreadable_source',
      'there is no file or folder /nonexistent/m.onnx',
    ],
  ]
  for (const [args, kind, sentence] of cases) {
    const { code, stdout } = await server.greenroom(['predict', ...args, '--json'])
    expect({ args, code }).toEqual({ args, code: 1 })
    expect(JSON.parse(stdout).error).toMatchObject({ code: kind, message: expect.stringContaining(sentence) })
  }
})
