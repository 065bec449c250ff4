import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { locate } from '../../src/artifacts/fetch.ts'
import { placesBelow, trackingFrom } from '../../src/artifacts/settings.ts'
import { readDatasets } from '../../src/artifacts/tracking-server.ts'
import { type Handler, type HttpServer, serveHttp } from '../helpers/http-server.ts'
import { startTracking } from '../helpers/tracking-server.ts'
import { fetched, patient } from './fetched.ts'

const token = 'Bearer track-1'
const files = { MLmodel: 'flavors: {}', 'data/ä b.bin': 'weights', 'data/deep/x': 'y' }
let server: HttpServer

beforeAll(async () => {
  const below = (folder: string) =>
    Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]))
  server = await startTracking(
    {
      artifacts: {
        ...below('0/models/m-1/artifacts'),
        ...below('0/r1/artifacts/model'),
        '0/r1/artifacts/m.onnx': 'o',
      },
      models: {
        'm-1': { name: 'churn', artifact_uri: 'mlflow-artifacts:/0/models/m-1/artifacts' },
        'm-2': { name: 'local', artifact_uri: '/mlruns/0/models/m-2/artifacts' },
        'm-3': { name: 'bucket', artifact_uri: 's3://models/m-3' },
        'm-4': { name: 'evil', artifact_uri: 'mlflow-artifacts:/../secret' },
      },
      runs: {
        r1: { artifact_uri: 'mlflow-artifacts:/0/r1/artifacts' },
        r2: { artifact_uri: 'mlflow-artifacts:/0/r2/artifacts', models: ['m-2', 'm-1'] },
      },
    },
    token,
  )
})
afterAll(() => server.close())

const tracked = (authorization: string | null = token) =>
  placesBelow(['s3://models/'], { url: server.url, authorization })

test.each([
  'models:/m-1',
  'runs:/r1/model',
  'runs:/r2/churn',
  'mlflow-artifacts:/0/models/m-1/artifacts',
  'mlflow-artifacts:///0/models/m-1/artifacts/',
])('%s brings every file of the folder, deep ones too', async (source) => {
  expect(await fetched(source, tracked())).toMatchObject({ kind: 'folder', files })
})

test('the server may be named in the source, if it is the one that is configured', async () => {
  const host = new URL(server.url).host
  const source = `mlflow-artifacts://${host}/0/r1/artifacts/m.onnx`
  expect(await fetched(source, tracked())).toMatchObject({ kind: 'file', files: { artifact: 'o' } })
  await expect(fetched(source.replace(host, 'evil.example'), tracked())).rejects.toThrow(
    'is of another server than MLFLOW_TRACKING_URI names',
  )
})

test('what the tracking server names is held to the same rules as a source', async () => {
  expect(await locate('models:/m-2', tracked(), patient())).toEqual({
    kind: 'local',
    source: '/mlruns/0/models/m-2/artifacts',
  })
  expect(await locate('models:/m-3', tracked(), patient())).toEqual({
    kind: 'remote',
    uri: 's3://models/m-3',
  })
  const without = placesBelow([], tracked().tracking)
  await expect(locate('models:/m-3', without, patient())).rejects.toThrow('not among the places')
  await expect(locate('models:/m-4', tracked(), patient())).rejects.toThrow('".." as a part of its path')
})

test.each([
  ['models:/m-9', 'UnreadableSourceError', 'there is nothing at '],
  ['runs:/r9/model', 'UnreadableSourceError', 'there is nothing at '],
  ['mlflow-artifacts:/0/nowhere', 'UnreadableSourceError', 'there is nothing at mlflow-artifacts:/0/nowhere'],
  ['models:/churn/3', 'UnsupportedSourceError', 'register the address of the artifact itself'],
  ['models:/churn@champion', 'UnsupportedSourceError', 'names neither a logged model'],
])('%s is told apart as %s', async (source, name, message) => {
  await expect(fetched(source, tracked())).rejects.toMatchObject({ name })
  await expect(fetched(source, tracked())).rejects.toThrow(message)
})

test('a server that does not know us is not the fault of the artifact', async () => {
  for (const source of ['models:/m-1', 'mlflow-artifacts:/0/r1/artifacts']) {
    const failure = fetched(source, tracked(null))
    await expect(failure).rejects.toMatchObject({ name: 'UnavailableSourceError' })
    await expect(failure).rejects.toThrow('access is denied')
  }
})

describe('what a run was trained on is asked for within limits', () => {
  const waitMs = 300
  const unlimited = { waitMs: 3_600_000, mostBytes: Number.POSITIVE_INFINITY }

  /** What a tracking server is that answers every question in this way. */
  async function serverThat(answers: Handler) {
    const server = await serveHttp(answers)
    onTestFinished(() => server.close())
    return { url: server.url, authorization: null }
  }

  test.each<[string, Handler]>([
    ['says nothing', () => {}],
    ['never comes to an end', (_, __, response) => void response.writeHead(200).write('{"run": {')],
  ])('a server that %s is not waited for; on a build without the limit it is', async (_, answers) => {
    const tracking = await serverThat(answers)
    const asked = readDatasets(tracking, 'r1', patient(), { ...unlimited, waitMs })
    await expect(asked).rejects.toMatchObject({ name: 'UnavailableSourceError', mayPass: true })
    await expect(asked).rejects.toThrow('does not answer within 0.3 s')
    const stop = new AbortController()
    const patiently = readDatasets(tracking, 'r1', stop.signal, unlimited)
    expect(await Promise.race([patiently, sleep(3 * waitMs, 'still waiting')])).toBe('still waiting')
    stop.abort(new Error('the worker is stopping'))
    await expect(patiently).rejects.toThrow('the worker is stopping')
  })

  test('no more is read of an answer than the bound; on a build without it all is', async () => {
    const body = JSON.stringify({ run: {}, padding: 'x'.repeat(1024 ** 2) })
    const tracking = await serverThat((_, __, response) => void response.end(body))
    const asked = readDatasets(tracking, 'r1', patient(), { ...unlimited, mostBytes: 100_000 })
    await expect(asked).rejects.toMatchObject({ name: 'UnavailableSourceError', mayPass: false })
    await expect(asked).rejects.toThrow('says more than is read of one answer')
    expect(await readDatasets(tracking, 'r1', patient(), unlimited)).toBeNull()
  })

  test('an answer that breaks off is not the fault of the run', async () => {
    const tracking = await serverThat((_, __, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"run"')
      setTimeout(() => response.destroy(), 50)
    })
    const asked = readDatasets(tracking, 'r1', patient())
    await expect(asked).rejects.toMatchObject({ name: 'UnavailableSourceError', mayPass: true })
    await expect(asked).rejects.toThrow('broke off while it answered')
  })
})

test('who calls is read from the variables that MLflow has for it; a user goes before a token', () => {
  const url = 'https://mlflow.example.com/base'
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const named = { MLFLOW_TRACKING_USERNAME: 'ü', MLFLOW_TRACKING_PASSWORD: 'p' }
  const withToken = { MLFLOW_TRACKING_TOKEN: 't' }
  expect(trackingFrom({ MLFLOW_TRACKING_URI: ` ${url}/ ` })).toEqual({ url, authorization: null })
  expect(trackingFrom({ MLFLOW_TRACKING_URI: url, ...withToken })?.authorization).toBe('Bearer t')
  expect(trackingFrom({ MLFLOW_TRACKING_URI: url, ...withToken, ...named })?.authorization).toBe(basic('ü:p'))
  expect(trackingFrom({ MLFLOW_TRACKING_URI: 'https://u:p%40@h/' })).toEqual({
    url: 'https://h',
    authorization: basic('u:p@'),
  })
  for (const MLFLOW_TRACKING_URI of ['', 'sqlite:///mlflow.db', './mlruns', 'databricks'])
    expect(trackingFrom({ MLFLOW_TRACKING_URI })).toBeNull()
})
