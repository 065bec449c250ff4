import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ModelTask } from '../../src/runtimes/model-task.ts'
import { type ModelSandbox, openSandbox } from '../../src/runtimes/sandbox.ts'
import { environmentOf, filesOf, isAlive, sandboxesOf } from './processes.ts'

// For a machine that has much else to do.
const patience = { timeout: 30_000, interval: 50 }
const fixtures = join(import.meta.dirname, '../fixtures/diabetes')

describe('a model does no harm to the next one when it', () => {
  test('computes without end: it is killed at its time limit', async () => {
    const sandbox = opened(1)
    const startedAt = performance.now()
    expect(await run(sandbox, 'spin.onnx', { timeoutMs: 1000 })).toEqual({ kind: 'timedOut' })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    await serves(sandbox)
  })

  test('takes memory without end: it is killed at its memory limit', async () => {
    const sandbox = opened(1, 500e6)
    expect(await run(sandbox, 'bloat.onnx')).toEqual({ kind: 'outOfMemory', limitBytes: 500e6 })
    await serves(sandbox)
  })

  test('crashes the process', async () => {
    const sandbox = opened(1)
    const running = run(sandbox, 'spin.onnx')
    await killBusy('SIGSEGV')
    expect(await running).toEqual({ kind: 'ended', how: 'with SIGSEGV' })
    await serves(sandbox)
  })

  test('is of noise', async () => {
    const sandbox = opened(1)
    expect(await run(sandbox, 'not-onnx.onnx')).toMatchObject({
      kind: 'answered',
      answer: { kind: 'unusable' },
    })
    await serves(sandbox)
  })
})

test('no process runs a second model (S1), and there are never more than asked for (S2)', async () => {
  const sandbox = opened(2)
  const seen = new Set<number>()
  let most = 0
  const look = setInterval(async () => {
    const pids = await sandboxesOf()
    most = Math.max(most, pids.length)
    for (const pid of pids) seen.add(pid)
  }, 20)
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => run(sandbox, 'good.onnx')))
  clearInterval(look)
  for (const outcome of outcomes) expect(outcome).toMatchObject({ answer: { kind: 'predicted' } })
  expect(seen.size).toBeGreaterThanOrEqual(5)
  expect(most).toBe(2)
})

test('a process that ended while it was idle is not missed', async () => {
  const sandbox = opened(1)
  const [pid = 0] = await started()
  process.kill(pid, 'SIGKILL')
  // Until its end has been heard of, and no moment longer: what it said last may still be on its way.
  while (existsSync(`/proc/${pid}`)) await nextTurn()
  await serves(sandbox)
})

test("nobody's time runs while a neighbour hangs (S4)", async () => {
  const sandbox = opened(1)
  const hanging = run(sandbox, 'spin.onnx', { timeoutMs: 2500 })
  const waiting = run(sandbox, 'good.onnx', { timeoutMs: 2400 })
  expect(await hanging).toEqual({ kind: 'timedOut' })
  expect(await waiting).toMatchObject({ answer: { kind: 'predicted' } })
})

test('cancelling ends a model at work, or its waiting, with the reason given', async () => {
  const sandbox = opened(1)
  const [first, second] = [new AbortController(), new AbortController()]
  const working = run(sandbox, 'spin.onnx', { signal: first.signal })
  const waiting = run(sandbox, 'good.onnx', { signal: second.signal })
  const next = run(sandbox, 'good.onnx')
  second.abort(new Error('withdrawn'))
  await expect(waiting).rejects.toThrow('withdrawn')
  first.abort(new Error('superseded'))
  await expect(working).rejects.toThrow('superseded')
  expect(await next).toMatchObject({ answer: { kind: 'predicted' } })
  await expect(run(sandbox, 'good.onnx', { signal: AbortSignal.abort(new Error('late')) })).rejects.toThrow(
    'late',
  )
  await serves(sandbox)
})

test('closing leaves no process behind, at work or not, and takes no more tasks (S3)', async () => {
  const sandbox = opened(2)
  const working = expect(run(sandbox, 'spin.onnx')).rejects.toThrow('the sandbox was closed')
  await findBusy()
  await sandbox.close()
  expect(await sandboxesOf()).toEqual([])
  await working
  await expect(run(sandbox, 'good.onnx')).rejects.toThrow('the sandbox was closed')
  await sandbox.close()
  expect(await sandboxesOf()).toEqual([])
})

test('a process sees nothing of its parent: no environment, no open files, no right but to read', async () => {
  process.env.GREENROOM_SECRET = 'secret'
  const file = await open(join(fixtures, 'good.onnx'))
  onTestFinished(async () => {
    delete process.env.GREENROOM_SECRET
    await file.close()
  })
  opened(1)
  const [pid = 0] = await started()
  const names = (await environmentOf(pid)).map((entry) => entry.split('=')[0])
  expect(names.filter((name) => !name?.startsWith('NODE_CHANNEL_'))).toEqual([])
  expect(await filesOf(process.pid)).toContain(join(fixtures, 'good.onnx'))
  expect(await filesOf(pid)).not.toContain(join(fixtures, 'good.onnx'))
  const flags = (await readFile(`/proc/${pid}/cmdline`, 'utf8'))
    .split('\0')
    .filter((flag) => flag.startsWith('--'))
  expect(flags).toContain('--permission')
  expect(flags.filter((flag) => /^--allow-(?!fs-read|worker)/.test(flag))).toEqual([])
})

test('processes die with a parent that was killed, even while a model keeps them busy', async () => {
  const parent = spawn(process.execPath, [join(import.meta.dirname, 'abandoned.ts')], { stdio: 'ignore' })
  const parentPid = parent.pid ?? 0
  await findBusy(parentPid)
  const pids = await sandboxesOf(parentPid)
  expect(pids).toHaveLength(2)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  await vi.waitFor(async () => {
    for (const pid of pids) expect(await isAlive(pid)).toBe(false)
  }, patience)
})

function opened(size: number, memoryBytes?: number): ModelSandbox {
  const sandbox = openSandbox(memoryBytes === undefined ? { size } : { size, memoryBytes })
  onTestFinished(() => sandbox.close())
  return sandbox
}

function run(
  sandbox: ModelSandbox,
  source: string,
  limits: { timeoutMs?: number; signal?: AbortSignal } = {},
) {
  const data = { file: 'holdout.csv', target: 'progression' }
  const task: ModelTask = { kind: 'predict', source, roots: [fixtures], data }
  return sandbox.run(task, { timeoutMs: 15_000, signal: new AbortController().signal, ...limits })
}

async function serves(sandbox: ModelSandbox): Promise<void> {
  expect(await run(sandbox, 'good.onnx')).toMatchObject({ kind: 'answered', answer: { kind: 'predicted' } })
}

async function killBusy(signal: NodeJS.Signals): Promise<void> {
  process.kill(await findBusy(), signal)
}

/** The ids of the processes, once there are any. */
async function started(): Promise<number[]> {
  await vi.waitUntil(async () => (await sandboxesOf()).length > 0, patience)
  return sandboxesOf()
}

/** The id of a process that has been computing for a while: getting ready takes half of this time. */
async function findBusy(parent = process.pid): Promise<number> {
  const busyTicks = 150
  const find = async () => {
    for (const pid of await sandboxesOf(parent)) {
      const fields =
        (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ') ?? []
      if (Number(fields[11]) + Number(fields[12]) > busyTicks) return pid
    }
    return undefined
  }
  return (await vi.waitUntil(find, patience)) ?? 0
}
