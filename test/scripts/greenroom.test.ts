import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshClone, npmCalls, startIn } from './fixture.ts'

let dir: string
let remove: () => Promise<void>

beforeEach(async () => {
  ;({ dir, remove } = await freshClone())
  await mkdir(join(dir, 'src', 'cli'), { recursive: true })
  await writeFile(join(dir, 'package.json'), '{"type":"module"}')
  const program =
    'const where: string = process.cwd()\nconsole.log(process.pid, where, ...process.argv.slice(2))\n'
  await writeFile(join(dir, 'src', 'cli', 'main.ts'), program)
})
afterEach(() => remove())

const greenroom = (cwd = dir) => {
  const { child, ended } = startIn(cwd, [join(dir, 'bin', 'greenroom.mjs'), 'models', '--json'], {
    PATH: `${join(dir, 'fake-bin')}:/usr/bin:/bin`,
  })
  return ended.then((result) => ({ ...result, pid: child.pid }))
}

test('in a fresh clone the command sets the clone up, then runs', async () => {
  const { code, stdout } = await greenroom()
  expect(code).toBe(0)
  expect(stdout).toMatch(/ models --json\n$/)
  expect(await npmCalls(dir)).toEqual(['ci'])
})

test('once set up it runs in its own process, in the directory it was called from', async () => {
  await greenroom()
  const elsewhere = join(dir, 'elsewhere')
  await mkdir(elsewhere)
  const { code, stdout, stderr, pid } = await greenroom(elsewhere)
  expect({ code, stdout, stderr }).toEqual({
    code: 0,
    stdout: `${pid} ${elsewhere} models --json\n`,
    stderr: '',
  })
})

test('without sources it runs the built code and never calls npm', async () => {
  await rm(join(dir, 'src'), { recursive: true })
  await mkdir(join(dir, 'dist', 'cli'), { recursive: true })
  await writeFile(join(dir, 'dist', 'cli', 'main.js'), 'console.log("built", process.pid)')
  const { code, stdout, pid } = await greenroom()
  expect({ code, stdout }).toEqual({ code: 0, stdout: `built ${pid}\n` })
  expect(await npmCalls(dir)).toEqual([])
})
