// `npm run test:mlflow`: the tests of the registry with MLflow's own Python client. Makes a virtual environment for
// them under .greenroom/, with what test/mlflow/requirements.txt pins; arguments go to pytest.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const requirements = join(root, 'test/mlflow/requirements.txt')
const venv = join(root, '.greenroom/mlflow-venv')
const python = join(venv, 'bin/python')
const config = join(root, 'test/mlflow/pyproject.toml')
const code = ['test/mlflow', 'clients/python']

process.exitCode = await main(process.argv.slice(2))

/** Resolves to the exit code: of the first step that fails, or 0. */
async function main(args: string[]): Promise<number> {
  return (
    (await install()) ||
    (await run(python, ['-m', 'ruff', 'check', '--no-cache', '--quiet', ...code])) ||
    (await run(python, ['-m', 'ruff', 'format', '--no-cache', '--quiet', '--check', ...code])) ||
    (await run(python, [
      '-m',
      'mypy',
      '--no-error-summary',
      `--cache-dir=${venv}/mypy`,
      `--config-file=${config}`,
    ])) ||
    (await run(python, ['-m', 'pytest', 'test/mlflow', ...args]))
  )
}

/** Makes the virtual environment unless it is there, for this Python and these requirements. */
async function install(): Promise<number> {
  const base = process.env.PYTHON ?? 'python3'
  const version = versionOf(base)
  if (version === null) {
    console.error(
      `These tests need Python 3.11 or newer with venv; ${base} is not that. Install it (Debian: apt-get install ` +
        'python3-venv), or name another one in PYTHON.',
    )
    return 1
  }
  const stamp = join(venv, 'made-of')
  const wanted = `${version} ${createHash('sha256').update(readFileSync(requirements)).digest('hex')}\n`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 0
  console.log('greenroom: installing MLflow for its tests; the first time this takes a minute or more')
  rmSync(venv, { recursive: true, force: true })
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--no-compile']
  const status = (await run(base, ['-m', 'venv', venv])) || (await run(python, [...pip, '-r', requirements]))
  if (status === 0) writeFileSync(stamp, wanted)
  return status
}

/** Which Python this is, or null where it is too old, or none. */
function versionOf(program: string): string | null {
  const script = 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11); print(sys.version)'
  const { status, stdout } = spawnSync(program, ['-c', script], { encoding: 'utf8' })
  return status === 0 ? stdout.replaceAll('\n', ' ') : null
}

/** Runs a program in the repository, to which our signals are passed on. Resolves to its exit code. */
function run(program: string, args: string[]): Promise<number> {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit' })
  const pass = (signal: NodeJS.Signals) => child.kill(signal)
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, pass)
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('exit', (status, signal) => {
      for (const one of signals) process.off(one, pass)
      done(status ?? 128 + constants.signals[signal ?? 'SIGTERM'])
    })
  })
}
