import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { published, rossmann } from '../checks/subjects.ts'
import { type HttpServer, serveHttp } from '../helpers/http-server.ts'
import { startServer, type TestServer } from './greenroom.ts'

let models: HttpServer
let server: TestServer

beforeAll(async () => {
  models = await serveHttp(async (_, { pathname }, response) => {
    response.end(await readFile(join(rossmann, 'models', pathname)))
  })
  const policy = 'defaults: { validate: [artifact, smoke], test: [] }'
  server = await startServer(policy, ['--with-workers'], { GREENROOM_ARTIFACT_URLS: models.url })
})
afterAll(async () => {
  await server.close()
  await models.close()
})

test('a version whose artifact is elsewhere is checked there, and predicted with once it is fetched', async () => {
  const { digest } = published(rossmann, 1)
  const source = `${models.url}/rossmann-ensemble-1.onnx`
  const registered = await server.greenroom(['register', 'far', '--source', source, '--wait'])
  expect(registered.stdout).toMatch(/passed artifact .*\n.*passed smoke .*\n.*is in Staging/)
  expect(await server.json(['info', 'far', '--version', '1'])).toMatchObject({ digest })
  const before = models.requests.length
  const predict = ['predict', 'far', '--stage', 'Staging', '--data', join(rossmann, 'holdout.csv')]
  const env = { GREENROOM_HOME: join(server.place.cwd, '.greenroom') }
  const [first, second] = [await server.greenroom(predict, env), await server.greenroom(predict, env)]
  expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\d.]+\n/) })
  expect(second).toEqual(first)
  expect(models.requests.length).toBe(before + 1)
})

test('a version from where nobody allowed it is turned down, with the variable to set', async () => {
  const { stdout, code } = await server.greenroom([
    'register',
    'out',
    '--source',
    'http://127.0.0.1:1/m.onnx',
    '--wait',
  ])
  expect(code).toBe(1)
  expect(stdout).toMatch(/failed artifact .*not among the places .*GREENROOM_ARTIFACT_URLS/)
})
