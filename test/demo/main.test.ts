import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freePort } from '../../src/free-port.ts'

const entry = resolve(import.meta.dirname, '../../src/demo/main.ts')

let home: string
let child: ChildProcess | undefined

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'greenroom-demo-'))
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(home, { recursive: true, force: true })
})

/** Starts the demo in a home of its own. */
function startDemo(args: string[], env: Record<string, string> = {}) {
  const started = spawn(process.execPath, [entry, ...args], {
    env: { PATH: process.env.PATH ?? '', TMPDIR: tmpdir(), GREENROOM_HOME: home, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child = started
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    started[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text
    })
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((done) =>
    started.once('close', (code) => done({ code, ...written })),
  )
  const wrote = (pattern: RegExp) =>
    vi.waitUntil(() => pattern.test(written.stdout), { timeout: 45_000, interval: 10 })
  return { child: started, ended, wrote }
}

test.each([
  ['SIGINT', 130, /database/],
  ['SIGTERM', 143, /signed registration of version 1/],
] as const)(
  '%s in the middle of the story stops what runs, and ends it with %i',
  async (signal, code, when) => {
    const demo = startDemo([])
    await demo.wrote(when)
    demo.child.kill(signal)
    expect(await demo.ended).toMatchObject({ code, stderr: '' })
    expect(existsSync(join(home, 'postgres/data/PG_VERSION'))).toBe(true)
    expect(existsSync(join(home, 'postgres/data/postmaster.pid'))).toBe(false)
  },
)

test('an argument that it does not have ends it with 2 and the usage', async () => {
  expect(await startDemo(['--foo']).ended).toEqual({
    code: 2,
    stdout: '',
    stderr: "Unknown option '--foo'. Usage: npm run demo -- [--once] [--json]\n",
  })
})

test('empty variables count as unset, and --once plays to the end', async () => {
  const empty = { SLACK_BOT_TOKEN: '', SLACK_SIGNING_SECRET: ' ', REDIS_URL: '', LOG_LEVEL: '' }
  const { code, stdout, stderr } = await startDemo(['--once'], empty).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('queues on PostgreSQL')
  expect(stdout).toContain('alice clicks Approve: 200')
})

test('a Redis that does not answer ends it with a line that says so', async () => {
  const REDIS_URL = `redis://127.0.0.1:${await freePort()}`
  const { code, stderr } = await startDemo(['--once'], { REDIS_URL }).ended
  expect(code).toBe(1)
  expect(stderr).toMatch(/^Redis does not answer at REDIS_URL: connect ECONNREFUSED [^\n]+ unset [^\n]+\n$/)
})
