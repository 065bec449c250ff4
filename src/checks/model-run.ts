import { OperatorError } from '../errors.ts'
import type { ModelAnswer, ModelTask, Unusable } from '../runtimes/model-task.ts'
import { CheckErroredError } from './errored.ts'
import type { CheckEnvironment } from './subject.ts'
import { wordFigure, wordMs } from './wording.ts'

/** The answers that are about the model; all others have been thrown. */
export type Run = Exclude<ModelAnswer, { kind: 'badData' | 'errored' }>

/**
 * Carries out a task in the sandbox. A model that does not answer in time is unusable. Throws CheckErroredError when the
 * process ended or ran out of memory, OperatorError when the data is at fault, and the signal's reason.
 */
export async function runModel(task: ModelTask, timeoutMs: number, env: CheckEnvironment): Promise<Run> {
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
