import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { loadModel, type Options } from '../../src/client/index.ts'
import { register } from '../../src/lifecycle.ts'
import { numbersOf, openTable } from '../../src/runtimes/table.ts'
import { published, rossmann } from '../checks/subjects.ts'
import { actor, lifecycleDeps, registration } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { type AppFixture, openApp } from '../http/app-fixture.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const policy = policyOf('defaults: { gate: none, validate: [], test: [] }')

let fixture: AppFixture
let folder: string
let consumer: string
let as: Options
let rows: Record<string, number>[]

vi.setConfig({ hookTimeout: 240_000 })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greenroom-package-'))
  consumer = join(folder, 'consumer')
  await install(await pack())
  fixture = await openApp({ policy })
  const url = await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  as = { url, token: fixture.as('admin').authorization.replace('Bearer ', ''), env: {} }
  for (const version of [1, 2]) {
    const { file, digest } = published(rossmann, version)
    const facts = { source: join(rossmann, file), digest, runId: `run-${version}` }
    await register(fixture.deps.db, registration('rossmann', facts), actor('ci'), lifecycleDeps(policy))
  }
  const table = await openTable('holdout.csv', [rossmann])
  const columns = [...numbersOf(table, table.header, 10)]
  rows = Array.from({ length: 10 }, (_, row) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[row] ?? Number.NaN])),
  )
})
afterAll(async () => {
  await fixture?.close()
  await rm(folder, { recursive: true, force: true })
})

test('a program compiles against the package as it is published, and runs', async () => {
  await compile()
  const expected = await (await loadModel('rossmann', { version: 2 }, as)).predict(rows)
  expect(await runConsumer()).toEqual({
    models: ['rossmann'],
    version: 2,
    stage: 'Production',
    runId: 'run-2',
    versions: [
      [2, 'Production'],
      [1, 'None'],
    ],
    refused: 'not_found',
    runtime: 'onnxruntime-web',
    predictions: [...expected],
  })
})

test('the native runtime is taken once its package is installed beside it', async () => {
  const native = join(consumer, 'node_modules/onnxruntime-node')
  await mkdir(native)
  await writeFile(
    join(native, 'package.json'),
    '{ "name": "onnxruntime-node", "type": "module", "main": "main.js" }',
  )
  // WebAssembly under another name: which one was imported is what matters here.
  const source = `import * as web from 'onnxruntime-web'\nconst create = (model, options) =>\n  web.InferenceSession.create(model, { ...options, executionProviders: ['wasm'] })\nexport const { Tensor, env } = web\nexport const InferenceSession = { create }\n`
  await writeFile(join(native, 'main.js'), source)
  expect(await runConsumer()).toMatchObject({ runtime: 'onnxruntime-node' })
})

/** Builds the package and packs it, as for a registry; gives the tarball. */
async function pack(): Promise<string> {
  const place = join(folder, 'package')
  const dist = join(place, 'dist')
  await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    dist,
  ])
  for (const file of ['package.json', 'LICENSE', 'README.md', 'bin', 'src', 'test/client'])
    await cp(join(root, file), join(place, file), { recursive: true })
  const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--json'], { cwd: place })
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[]
  const paths = packed?.files.map(({ path }) => path) ?? []
  expect(paths).toContain('dist/client/index.d.ts')
  expect(paths.filter((path) => /^(src|test)\//.test(path))).toEqual([])
  return join(place, packed?.filename ?? '')
}

/** Puts the tarball where npm would, beside its dependencies. */
async function install(tarball: string): Promise<void> {
  const modules = join(consumer, 'node_modules')
  await mkdir(join(modules, 'greenroom'), { recursive: true })
  await run('tar', ['xzf', tarball, '--strip-components=1', '-C', join(modules, 'greenroom')])
  const names = [...Object.keys(manifest.dependencies), '@types/node', 'undici-types']
  for (const name of names) {
    await mkdir(join(modules, name, '..'), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  expect(await readdir(modules)).not.toContain('onnxruntime-node')
  await cp(join(import.meta.dirname, 'consumer.ts'), join(consumer, 'consumer.ts'))
  await writeFile(join(consumer, 'package.json'), '{ "type": "module" }')
}

async function compile(): Promise<void> {
  const options = [
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2024,esnext.disposable',
  ]
  const types = ['--types', 'node', '--exactOptionalPropertyTypes']
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, ...options, ...types, 'consumer.ts'], { cwd: consumer }).catch(
    (error) => {
      throw new Error(`it does not compile:\n${error.stdout}`)
    },
  )
}

async function runConsumer(): Promise<unknown> {
  const env = { PATH: process.env.PATH, GREENROOM_URL: as.url, GREENROOM_TOKEN: as.token }
  const { stdout } = await run(process.execPath, ['consumer.js', JSON.stringify(rows)], {
    cwd: consumer,
    env,
  })
  return JSON.parse(stdout)
}
