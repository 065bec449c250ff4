import { withArtifact } from '../artifacts/fetch.ts'
import { OperatorError } from '../errors.ts'
import { maxModelBytes } from '../runtimes/artifact.ts'
import type { ModelAnswer, ModelTask, PredictTask, SmokeTask, Unusable } from '../runtimes/model-task.ts'
import { UnreadableSourceError } from '../runtimes/source.ts'
import { CheckErroredError } from './errored.ts'
import type { CheckEnvironment } from './subject.ts'
import { wordFigure, wordMs } from './wording.ts'

/** The answers that are about the model; all others have been thrown. */
export type Run = Exclude<ModelAnswer, { kind: 'badData' | 'errored' }>

/** A task before it is known where on this machine its model is. */
export type WantedTask = Omit<SmokeTask, 'source' | 'roots'> | Omit<PredictTask, 'source' | 'roots'>

/**
 * Carries out a task in the sandbox, with the model of a source, which is fetched where it is not on this machine. A
 * source that cannot be read, and a model that does not answer in time, is unusable. Throws CheckErroredError when the
 * process ended, ran out of memory or could not be given the model in time, OperatorError when the data is at fault,
 * UnavailableSourceError, and the signal's reason.
 */
export async function runModel(
  task: WantedTask,
  source: string,
  timeoutMs: number,
  env: CheckEnvironment,
): Promise<Run> {
  const timeLimit = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([env.signal, timeLimit])
  let isThere = false
  try {
    return await withArtifact(source, env.places, { maxBytes: maxModelBytes, signal }, (local, roots) => {
      isThere = true
      return runLocal({ ...task, source: local, roots: [...env.artifactRoots, ...roots] }, timeoutMs, env)
    })
  } catch (error) {
    env.signal.throwIfAborted()
    if (error instanceof UnreadableSourceError) return unusable(error.message)
    // A slow network is not the model's fault.
    if (timeLimit.aborted && !isThere)
      throw new CheckErroredError(`fetching ${source} took longer than ${wordMs(timeoutMs)}`)
    throw error
  }
}

async function runLocal(task: ModelTask, timeoutMs: number, env: CheckEnvironment): Promise<Run> {
  const outcome = await env.sandbox.run(task, { timeoutMs, signal: env.signal })
  switch (outcome.kind) {
    case 'timedOut':
      return unusable(`the model did not answer within ${wordMs(timeoutMs)}`)
    case 'outOfMemory':
      throw new CheckErroredError(
        `the model's process ran out of memory at ${wordFigure(outcome.limitBytes / 1e9)} GB`,
      )
    case 'ended':
      throw new CheckErroredError(`the model's process ended ${outcome.how}`)
    case 'answered':
      return aboutModel(outcome.answer)
  }
}

function aboutModel(answer: ModelAnswer): Run {
  if (answer.kind === 'badData') throw new OperatorError(answer.message)
  if (answer.kind === 'errored') throw new CheckErroredError(`the model could not be run: ${answer.message}`)
  return answer
}

function unusable(message: string): Unusable {
  return { kind: 'unusable', digest: null, message }
}
