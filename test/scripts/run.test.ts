import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freshClone, heldUpUntil, runIn, startIn, until } from './fixture.ts'

let dir: string
let remove: () => Promise<void>

beforeEach(async () => {
  ;({ dir, remove } = await freshClone())
  await runIn(dir)
})
afterEach(() => remove())

/**
 * A program that notes each signal it gets in the file `signals`, and ends with code 7 once it got one and may; without
 * its clone it ends in any case.
 */
const LISTENER = `
  import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
  let told = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {
    appendFileSync('signals', signal + ' ')
    told = true
  })
  writeFileSync('program-pid', String(process.pid))
  setInterval(() => {
    if ((told && existsSync('may-end')) || !existsSync('program-pid')) process.exit(7)
  }, 20)`

async function startListener(nodeFlags: string[] = []) {
  await writeFile(join(dir, 'program.mjs'), LISTENER)
  const started = startIn(dir, [...nodeFlags, 'scripts/run.mjs', 'program.mjs'], {}, { detached: true })
  await until('the program', () => existsSync(join(dir, 'program-pid')))
  return started
}

const letItEnd = () => writeFile(join(dir, 'may-end'), '')

const signals = () => readFile(join(dir, 'signals'), 'utf8').catch(() => '')

test('arguments go through as they are, and so does the exit code', async () => {
  const args = ['--json', 'two words', '', '$HOME "quoted"']
  expect(JSON.parse((await runIn(dir, args)).stdout)).toEqual(args)
  await writeFile(join(dir, 'program.mjs'), 'process.exit(42)')
  expect(await runIn(dir)).toMatchObject({ code: 42, signal: null })
})

test('a program that dies of a signal makes the runner die of it', async () => {
  await writeFile(join(dir, 'program.mjs'), "process.kill(process.pid, 'SIGKILL')")
  expect(await runIn(dir)).toMatchObject({ code: null, signal: 'SIGKILL' })
})

test("the clone's Node and commands come first on the program's PATH", async () => {
  await writeFile(join(dir, 'program.mjs'), 'console.log(process.env.PATH)')
  const { stdout } = await runIn(dir)
  expect(stdout).toMatch(new RegExp(`^${join(dir, 'node_modules', '.bin')}:`))
})

test('Ctrl-C, sent to the whole group and once more by npm, reaches the program once', async () => {
  const { child, ended } = await startListener()
  process.kill(-child.pid, 'SIGINT')
  await sleep(5)
  child.kill('SIGINT')
  await until('the SIGINT', async () => (await signals()) !== '')
  await sleep(200)
  await letItEnd()
  expect(await ended).toMatchObject({ code: 7, signal: null })
  expect(await signals()).toBe('SIGINT ')
})

test('a second press of Ctrl-C reaches the program too', async () => {
  const { child, ended } = await startListener()
  process.kill(-child.pid, 'SIGINT')
  await until('the SIGINT', async () => (await signals()) !== '')
  await sleep(800)
  process.kill(-child.pid, 'SIGINT')
  await until('the second SIGINT', async () => (await signals()) !== 'SIGINT ')
  await letItEnd()
  expect(await ended).toMatchObject({ code: 7, signal: null })
  expect(await signals()).toBe('SIGINT SIGINT ')
})

test('a SIGTERM for the runner alone reaches the program, and the runner waits for its end', async () => {
  const { child, ended } = await startListener()
  child.kill('SIGTERM')
  await until('the SIGTERM', async () => (await signals()) !== '')
  await sleep(200)
  expect(child.exitCode).toBeNull()
  await letItEnd()
  expect(await ended).toMatchObject({ code: 7, signal: null })
  expect(await signals()).toBe('SIGTERM ')
})

test('a signal reaches the program also when it comes before the runner got any further', async () => {
  const { child, ended } = await startListener(await heldUpUntil(dir, 'program-pid'))
  child.kill('SIGINT')
  await letItEnd()
  expect(await ended).toMatchObject({ code: 7, signal: null })
  expect(await signals()).toBe('SIGINT ')
})

test('the program ends in good order when the runner is killed with -9', async () => {
  const { child } = await startListener()
  child.kill('SIGKILL')
  await until('the SIGTERM', async () => (await signals()) !== '')
  expect(await signals()).toBe('SIGTERM ')
  await letItEnd()
  const pid = Number(await readFile(join(dir, 'program-pid'), 'utf8'))
  await until(
    'its end',
    async () => !/^\d+ \(.*\) [^Z]/.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')),
  )
})

test('processes that the program forks are not tied to the runner', async () => {
  const forking = `
    import { fork } from 'node:child_process'
    if (process.argv[2]) setTimeout(() => console.log('the fork lived'), 300)
    else fork(process.argv[1], ['again'])`
  await writeFile(join(dir, 'program.mjs'), forking)
  expect(await runIn(dir)).toMatchObject({ code: 0, stdout: 'the fork lived\n', stderr: '' })
})

test('without a file to run, one line says how to call it', async () => {
  const { code, stderr } = await startIn(dir, ['scripts/run.mjs']).ended
  expect({ code, stderr }).toEqual({ code: 2, stderr: 'usage: node scripts/run.mjs <file> [arguments…]\n' })
})
