import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshClone, heldUpUntil, INSTALLED, npmCalls, runIn, startIn, until } from './fixture.ts'

let dir: string
let remove: () => Promise<void>

beforeEach(async () => {
  ;({ dir, remove } = await freshClone())
})
afterEach(() => remove())

const lockFile = () => join(dir, '.greenroom', 'setup.lock')
const bundledNode = () => join(dir, 'node_modules', 'node', 'bin', 'node')

async function installByHand(): Promise<void> {
  await mkdir(join(dir, 'node_modules', 'node', 'bin'), { recursive: true })
  await symlink(process.execPath, bundledNode())
  await writeFile(join(dir, 'node_modules', '.package-lock.json'), JSON.stringify(INSTALLED))
}

async function changeLockFile(): Promise<void> {
  const file = join(dir, 'package-lock.json')
  await writeFile(file, (await readFile(file, 'utf8')).replace('1.0.0', '1.0.1'))
}

test('a fresh clone is installed once, says so on stderr only, and then runs at once', async () => {
  const first = await runIn(dir, ['one'])
  expect(first).toMatchObject({ code: 0, stdout: '["one"]\n' })
  expect(first.stderr).toMatch(/^greenroom: installing dependencies .*\ngreenroom: installed in \d+ s\n$/)
  expect(await runIn(dir, ['two'])).toMatchObject({ code: 0, stdout: '["two"]\n', stderr: '' })
  expect(await npmCalls(dir)).toEqual(['ci'])
})

test('a changed package-lock.json is installed again', async () => {
  await runIn(dir)
  await changeLockFile()
  await runIn(dir)
  expect(await npmCalls(dir)).toEqual(['ci', 'ci'])
})

test('what npm installed by hand is taken as it is, packages of other platforms missing', async () => {
  await installByHand()
  expect(await runIn(dir)).toMatchObject({ code: 0, stderr: '' })
  expect(await npmCalls(dir)).toEqual([])
})

test('what npm installed by hand for an older package-lock.json is not', async () => {
  await installByHand()
  await changeLockFile()
  await runIn(dir)
  expect(await npmCalls(dir)).toEqual(['ci'])
})

test('of two runners at once one installs, and both run', async () => {
  const results = await Promise.all([1, 2, 3].map((n) => runIn(dir, [String(n)], { FAKE_NPM: 'slow' })))
  expect(results.map(({ stdout }) => stdout)).toEqual(['["1"]\n', '["2"]\n', '["3"]\n'])
  expect(
    results.filter(({ stderr }) => /waiting for process \d+, which is installing/.test(stderr)),
  ).toHaveLength(2)
  expect(await npmCalls(dir)).toEqual(['ci'])
})

test('the lock of a runner that died is no obstacle', async () => {
  const dead = startIn(dir, ['-e', ''])
  await dead.ended
  await mkdir(join(dir, '.greenroom'))
  await writeFile(lockFile(), String(dead.child.pid))
  expect(await runIn(dir)).toMatchObject({ code: 0 })
  expect(existsSync(lockFile())).toBe(false)
})

test('a failed installation shows what npm said and what to do, runs nothing, and is tried again', async () => {
  const failed = await runIn(dir, [], { FAKE_NPM: 'fail' })
  expect(failed).toMatchObject({ code: 1, stdout: '' })
  expect(failed.stderr).toMatch(
    /npm error code ENOTFOUND\n`npm ci` failed \(exit 1\)\. Check the network.*\n$/,
  )
  expect(failed.stderr).not.toMatch(/^\s+at /m)
  expect(await runIn(dir)).toMatchObject({ code: 0 })
  expect(await npmCalls(dir)).toEqual(['ci', 'ci'])
})

test.each([
  ['during the installation', async () => []],
  ['before the set-up got further than starting it', () => heldUpUntil(dir, 'npm-pid')],
])('Ctrl-C %s ends npm and gives the lock back', async (_, nodeFlags) => {
  const args = [...(await nodeFlags()), 'scripts/run.mjs', 'program.mjs']
  const { child, ended } = startIn(dir, args, { FAKE_NPM: 'hang' })
  await until('npm', () => existsSync(join(dir, 'npm-pid')) && readFileSync(join(dir, 'npm-pid')).length > 0)
  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 130, stdout: '' })
  expect(existsSync(lockFile())).toBe(false)
  const npmPid = Number((await readFile(join(dir, 'npm-pid'), 'utf8')) || Number.NaN)
  expect(() => process.kill(npmPid, 0)).toThrow(/ESRCH/)
})

test('a missing Node is rebuilt once', async () => {
  expect(await runIn(dir, ['ok'], { FAKE_NPM: 'no-node' })).toMatchObject({ code: 0, stdout: '["ok"]\n' })
  expect(await npmCalls(dir)).toEqual(['ci', 'rebuild'])
})

test('a Node older than 24 is rebuilt too', async () => {
  await installByHand()
  await rm(bundledNode())
  await writeFile(bundledNode(), '#!/bin/sh\necho v22.1.0\n')
  await chmod(bundledNode(), 0o755)
  expect(await runIn(dir, ['ok'])).toMatchObject({ code: 0, stdout: '["ok"]\n' })
  expect(await npmCalls(dir)).toEqual(['rebuild'])
})

test('when npm runs no install scripts at all, one line names the command', async () => {
  const { code, stdout, stderr } = await runIn(dir, [], { FAKE_NPM: 'no-scripts' })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/\nNode 24 is missing .* Run: npm rebuild --ignore-scripts=false\n$/)
  expect(await npmCalls(dir)).toEqual(['ci', 'rebuild'])
})

test('without npm one line says where it comes from', async () => {
  const { code, stderr } = await runIn(dir, [], { PATH: join(dir, 'nowhere') })
  expect(code).toBe(1)
  expect(stderr).toMatch(/\nnpm cannot be run \(.*ENOENT\)\. It comes with Node: .*\n$/)
})

test('a Node older than 20 gets one clear line', async () => {
  const url = new URL('../../scripts/ensure-setup.mjs', import.meta.url).href
  const { nodeFault } = await import(/* @vite-ignore */ url)
  expect(nodeFault('18.20.4')).toMatch(/^Greenroom needs Node 20 or newer .* this is Node 18\.20\.4\./)
  expect(nodeFault('20.0.0')).toBeUndefined()
  expect(nodeFault('24.21.0')).toBeUndefined()
})
