import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = join(import.meta.dirname, '..', '..')

const LOCK = {
  packages: {
    '': { name: 'clone' },
    'node_modules/present': { version: '1.0.0', integrity: 'sha512-one' },
    'node_modules/other-platform': { version: '1.0.0', integrity: 'sha512-two', optional: true },
  },
}

/** What npm's record of installed packages says after a full installation on this platform. */
export const INSTALLED = { packages: { 'node_modules/present': LOCK.packages['node_modules/present'] } }

// Does to the clone what npm would, and notes its arguments. FAKE_NPM says how it misbehaves.
const FAKE_NPM = `#!/bin/sh
echo "$*" >> calls
provide_node() { mkdir -p node_modules/node/bin && ln -sf "$REAL_NODE" node_modules/node/bin/node; }
case "$FAKE_NPM-$1" in
  fail-ci) echo "npm error code ENOTFOUND" >&2; exit 1 ;;
  hang-ci) echo $$ > npm-pid; exec sleep 60 ;;
  slow-ci) sleep 1 ;;
esac
case "$1" in
  ci) mkdir -p node_modules && cp installed.json node_modules/.package-lock.json
      case "$FAKE_NPM" in no-node | no-scripts) ;; *) provide_node ;; esac ;;
  rebuild) [ "$FAKE_NPM" = no-scripts ] || provide_node ;;
esac
`

/** A fresh clone: the real scripts and command, a lock file, and beside it an npm that needs no network. */
export async function freshClone(): Promise<{ dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-scripts-'))
  await cp(join(ROOT, 'bin'), join(dir, 'bin'), { recursive: true })
  await mkdir(join(dir, 'scripts'))
  for (const name of ['run.mjs', 'leash.mjs', 'ensure-setup.mjs']) {
    await cp(join(ROOT, 'scripts', name), join(dir, 'scripts', name))
  }
  await writeFile(join(dir, 'package-lock.json'), JSON.stringify(LOCK))
  await writeFile(join(dir, 'installed.json'), JSON.stringify(INSTALLED))
  await mkdir(join(dir, 'fake-bin'))
  await writeFile(join(dir, 'fake-bin', 'npm'), FAKE_NPM)
  await chmod(join(dir, 'fake-bin', 'npm'), 0o755)
  await writeFile(join(dir, 'program.mjs'), 'console.log(JSON.stringify(process.argv.slice(2)))')
  return { dir, remove: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }) }
}

/** The npm commands run in the clone so far. */
export async function npmCalls(dir: string): Promise<string[]> {
  const text = await readFile(join(dir, 'calls'), 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => line.split(' ')[0] || [])
}

export type Result = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

/** Starts one of the clone's own executables, with this process's Node and the clone's npm. */
export function startIn(
  dir: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  options: SpawnOptions = {},
) {
  const child = spawn(process.execPath, args, {
    ...options,
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${join(dir, 'fake-bin')}:/usr/bin:/bin`,
      REAL_NODE: process.execPath,
      ...env,
    },
  })
  const result: Result = { code: null, signal: null, stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => (result.stdout += chunk))
  child.stderr?.on('data', (chunk) => (result.stderr += chunk))
  const ended = once(child, 'close').then(([code, signal]): Result => ({ ...result, code, signal }))
  return { child: child as ChildProcess & { pid: number }, ended, result }
}

/** Runs `program.mjs` of the clone through run.mjs to its end. */
export function runIn(dir: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  return startIn(dir, ['scripts/run.mjs', 'program.mjs', ...args], env).ended
}

/**
 * Node's flags that hold a script up, right after it has started a process, until that has written `file`, and a moment
 * longer.
 */
export async function heldUpUntil(dir: string, file: string): Promise<string[]> {
  const preload = `
    import childProcess from 'node:child_process'
    import { existsSync } from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { spawn } = childProcess
    const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    childProcess.spawn = (...args) => {
      const child = spawn(...args)
      while (!existsSync('${file}')) pause(20)
      pause(500)
      return child
    }
    syncBuiltinESMExports()`
  await writeFile(join(dir, 'hold-up.mjs'), preload)
  return ['--import', './hold-up.mjs']
}

/** Waits until `condition` holds. Rejects after ten seconds, naming what it waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await condition()) return
    await sleep(20)
  }
  throw new Error(`waited in vain for ${what}`)
}
