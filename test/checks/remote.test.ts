import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { type CheckEnvironment, runCheck } from '../../src/checks/check.ts'
import { CheckErroredError } from '../../src/checks/errored.ts'
import type { CheckRule, IncumbentCheck } from '../../src/policy/policy.ts'
import { type ModelSandbox, openSandbox } from '../../src/runtimes/sandbox.ts'
import { type HttpServer, serveHttp } from '../helpers/http-server.ts'
import { diabetes, environment, published, subject } from './subjects.ts'

// Of this file alone, and for as long as the sandbox starts processes in it.
let folder: string
let sandbox: ModelSandbox
let server: HttpServer
let status = 200

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greenroom-test-'))
  vi.stubEnv('TMPDIR', folder)
  sandbox = openSandbox({ size: 2 })
  server = await serveHttp(async (_, { pathname }, response) => {
    if (pathname === '/slow') return
    const content = await readFile(join(diabetes, pathname)).catch(() => null)
    response.writeHead(content === null ? 404 : status).end(content)
  })
})
afterAll(async () => {
  await sandbox.close()
  await server.close()
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

const data = { data: 'holdout.csv', target: 'progression', timeoutMs: 15_000 }
const artifact: CheckRule = { kind: 'artifact', timeoutMs: 15_000 }
const smoke: CheckRule = { kind: 'smoke', p95Ms: null, ...data }
const incumbent: IncumbentCheck = {
  kind: 'incumbent',
  metric: 'rmse',
  direction: 'lower',
  require: 'loss',
  by: { relative: 0.01 },
  ...data,
}

const there = (about: Partial<CheckEnvironment> = {}) =>
  environment(sandbox, { places: placesBelow([server.url], null), ...about })

test('what is not on this machine is fetched, checked as if it were, and removed again', async () => {
  const { digest } = published(diabetes, 1)
  const candidate = subject(`${server.url}/good.onnx`, { digest })
  const worse = subject(`${server.url}/worse.onnx`, { version: 1 })
  for (const rule of [artifact, smoke, incumbent])
    expect(await runCheck(rule, candidate, worse, there())).toMatchObject({ verdict: 'passed', digest })
  expect(await runCheck(incumbent, worse, { ...candidate, version: 3 }, there())).toMatchObject({
    verdict: 'failed',
  })
  expect(await readdir(folder)).toEqual([])
})

test('what cannot be loaded, is not there, or may not be read from there, fails in one sentence', async () => {
  const cases: [string, string][] = [
    [`${server.url}/not-onnx.onnx`, 'the model does not load: '],
    [`${server.url}/gone.onnx`, `there is nothing at ${server.url}/gone.onnx`],
    ['http://127.0.0.1:1/good.onnx', 'is not among the places that models may be read from'],
  ]
  for (const [source, sentence] of cases)
    expect(await runCheck(smoke, subject(source), null, there())).toMatchObject({
      verdict: 'failed',
      summary: expect.stringContaining(sentence),
    })
})

test('a place that does not answer, or not in time, says nothing about the model', async () => {
  status = 503
  for (const rule of [artifact, smoke])
    await expect(runCheck(rule, subject(`${server.url}/good.onnx`), null, there())).rejects.toMatchObject({
      name: 'UnavailableSourceError',
    })
  status = 200
  const source = `${server.url}/slow`
  await expect(runCheck({ ...smoke, timeoutMs: 50 }, subject(source), null, there())).rejects.toThrow(
    new CheckErroredError(`fetching ${source} took longer than 50 ms`),
  )
  await expect(runCheck({ ...artifact, timeoutMs: 50 }, subject(source), null, there())).rejects.toThrow(
    new CheckErroredError(`reading ${source} took longer than 50 ms`),
  )
})

test('a check that is cancelled while it fetches ends with the reason', async () => {
  const cancelling = new AbortController()
  const env = there({ signal: cancelling.signal })
  const checking = runCheck(smoke, subject(`${server.url}/slow`), null, env)
  setTimeout(() => cancelling.abort(new Error('superseded')), 50)
  await expect(checking).rejects.toThrow('superseded')
})
