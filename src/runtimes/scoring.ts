// The process in which Python runs an MLflow model: MLflow's own scoring server, spoken to over HTTP.
//
// Invariants:
//   P1. After close() no process of it is left, and neither is one after this process has died, however it died.
//   P2. It never keeps this process from ending.
//   P3. It is asked only once it has said that it listens: whoever else may have taken its port is not believed.
//   P4. Nothing of what it is given passes a shell, and none of our own secrets reach it (R19, R38).
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidInputError, OperatorError } from '../errors.ts'
import { freePort } from '../free-port.ts'
import { UnusableModelError } from './unusable.ts'

/**
 * A scoring server that is up. `invoke` makes one call, which throws InvalidInputError when the model does not take the
 * rows; `close` ends it. *Idempotent.*
 */
export type ScoringServer = { invoke(body: object): Promise<unknown>; close(): Promise<void> }

/** What starts Python, and the variables that it gets, less those in which our own secrets are. */
export type Python = { command: string; env: NodeJS.ProcessEnv }

// Importing MLflow takes seconds; a model with a deep-learning framework takes much longer.
const readyWithinMs = 180_000
const lookEveryMs = 150
const pingMs = 5_000
const callMs = 120_000
const keptWords = 16_384
const withoutMlflow = 96
const ownVariables = /^(GREENROOM|MLFLOW_TRACKING|AWS)_/

// A thread holds on to stdin, whose other end only this process has; once it is closed, whatever is in the group of
// Python's process is killed and the folder removed (P1). MLflow finds its web server on the PATH.
const program = `
import importlib.util, os, runpy, shutil, signal, sys, threading
if importlib.util.find_spec("mlflow") is None:
    sys.exit(${withoutMlflow})
folder = sys.argv.pop(1)
def end_with_parent():
    os.read(0, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=end_with_parent, daemon=True).start()
os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
runpy.run_module("mlflow", run_name="__main__", alter_sys=True)
`

/**
 * Starts `mlflow models serve` for the model in `<folder>/model`, and waits until it answers. The folder is removed if
 * this process dies. Throws OperatorError when there is no Python with MLflow, UnusableModelError when the model does
 * not load there.
 */
export async function startScoring(folder: string, { command, env }: Python): Promise<ScoringServer> {
  const port = await freePort()
  const serve = ['models', 'serve', '-m', 'model', '--env-manager', 'local']
  const child = spawn(command, ['-c', program, folder, ...serve, '-h', '127.0.0.1', '-p', String(port)], {
    cwd: folder,
    env: { ...withoutOwn(env), UVICORN_LOG_LEVEL: 'info' }, // P3, P4
    detached: true, // a group of its own, which is ended whole (P1)
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const watched = watch(child)
  const url = `http://127.0.0.1:${port}`
  try {
    await untilReady(url, watched)
  } catch (error) {
    await watched.end()
    throw error instanceof EndedError ? explain(error, command, watched.words()) : error
  }
  return { invoke: (body) => invoke(url, body, watched.words), close: watched.end }
}

/** The process ended by itself; `code` is null where it could not be started. */
class EndedError extends Error {
  readonly code: number | string | null
  constructor(code: number | string | null) {
    super(`ended with ${code}`)
    this.code = code
  }
}

type Watched = { gone: Promise<number | string | null>; words(): string; end(): Promise<void> }

function watch(child: ChildProcess): Watched {
  let said = ''
  child.stderr?.on('data', (words: Buffer) => {
    said = (said + words.toString()).slice(-keptWords)
  })
  child.stdin?.on('error', () => {}) // It is gone, which is told by `gone`.
  const { promise: gone, resolve } = Promise.withResolvers<number | string | null>()
  child.once('error', () => resolve(null))
  child.once('close', (code, signal) => resolve(code ?? signal))
  const handles = [child, child.stdin as Socket | null, child.stderr as Socket | null]
  for (const handle of handles) handle?.unref() // P2
  return {
    gone,
    words: () => said,
    end: async () => {
      for (const handle of handles) handle?.ref() // Its end is waited for.
      endGroup(child)
      await gone
    },
  }
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL') // P1
  } catch {
    // It has ended already.
  }
}

function withoutOwn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ownVariables.test(name)))
}

async function untilReady(url: string, { gone, words }: Watched): Promise<void> {
  let ended: EndedError | null = null
  void gone.then((code) => {
    ended = new EndedError(code)
  })
  const deadline = performance.now() + readyWithinMs
  while (ended === null) {
    if (saysItListens(words(), url) && (await answersPing(url))) return // P3
    if (performance.now() > deadline)
      throw new UnusableModelError(`the model's process was not ready within ${readyWithinMs / 1000} s`)
    await sleep(lookEveryMs)
  }
  throw ended
}

/** As uvicorn says it, and gunicorn, which older MLflow has. *Pure.* */
function saysItListens(words: string, url: string): boolean {
  return words.split('\n').some((line) => /running on|listening at/i.test(line) && line.includes(url))
}

async function answersPing(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/ping`, { signal: AbortSignal.timeout(pingMs) }).catch(() => null)
  await answer?.body?.cancel()
  return answer?.ok === true
}

function explain({ code }: EndedError, python: string, words: string): Error {
  const install = 'install Python and `pip install mlflow`, or set GREENROOM_PYTHON to a Python that has it'
  if (code === null)
    return new OperatorError(
      `This model needs Python with MLflow, and ${python} cannot be started; ${install}.`,
    )
  if (code === withoutMlflow)
    return new OperatorError(
      `This model needs Python with MLflow, which ${python} does not have; ${install}.`,
    )
  return new UnusableModelError(
    `the model does not load in ${python}: ${faultIn(words)}; what it needs is listed in its requirements.txt`,
  )
}

/** The last error that Python named, without the command line that MLflow repeats after it. *Pure.* */
function faultIn(words: string): string {
  const lines = words.split('\n').map((line) => line.trim())
  const isFault = (line: string) => /^[\w.]*(Error|Exception)\b/.test(line) && !line.includes("'bash', '-c'")
  return (lines.findLast(isFault) ?? lines.findLast((line) => line !== '') ?? 'it said nothing').slice(0, 300)
}

async function invoke(url: string, body: object, words: () => string): Promise<unknown> {
  const call = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const signal = AbortSignal.timeout(callMs)
  try {
    const response = await fetch(`${url}/invocations`, { ...call, signal })
    const answer: unknown = await response.json().catch(() => null)
    if (response.ok) return answer
    const why = refusalIn(answer) ?? `HTTP ${response.status}`
    // So it answers, too, when the model's own code fails; only the rows tell these apart.
    if (response.status === 400) throw new InvalidInputError(`The model does not take these rows: ${why}`)
    throw new UnusableModelError(`the model does not run: ${why}`)
  } catch (error) {
    if (error instanceof UnusableModelError || error instanceof InvalidInputError) throw error
    if (signal.aborted) throw new UnusableModelError(`the model did not answer within ${callMs / 1000} s`)
    throw new UnusableModelError(`the model's process does not answer: ${faultIn(words())}`)
  }
}

/** What MLflow says against a call, without the rows that it repeats; null where it says nothing. *Pure.* */
function refusalIn(answer: unknown): string | null {
  const { message, stack_trace: trace } = (answer ?? {}) as { message?: string; stack_trace?: string }
  if (trace !== undefined) return faultIn(trace)
  const words = message?.replace(/^Failed to predict data .*\sError: /s, '').replaceAll(/\s+/g, ' ')
  return words?.slice(0, 300) ?? null
}
