import { withArtifact } from '../artifacts/fetch.ts'
import type { Finding } from '../policy/finding.ts'
import type { ArtifactCheck } from '../policy/policy.ts'
import { type Artifact, maxArtifactBytes, readArtifact } from '../runtimes/artifact.ts'
import { UnreadableSourceError } from '../runtimes/source.ts'
import { isPrompt } from '../webhooks/happenings.ts'
import { CheckErroredError } from './errored.ts'
import type { CheckEnvironment, CheckSubject } from './subject.ts'
import { wordCount, wordMs } from './wording.ts'

// What calls itself a prompt fails all the same: a tag switches no check off.
const ofPrompts =
  'it is tagged as a prompt, which has no artifact: the policy needs rules of their own for the names of prompts, ' +
  "such as models: { 'prompts-*': { gate: none, validate: [], test: [] } }"

/** The artifact is there, can be read whole, and has the digest that was declared, if one was. */
export async function checkArtifact(
  rule: ArtifactCheck,
  candidate: CheckSubject,
  _incumbent: CheckSubject | null,
  env: CheckEnvironment,
): Promise<Finding> {
  const artifact = await readWithin(rule.timeoutMs, candidate.source, env)
  if ('unreadable' in artifact) {
    const summary = isPrompt(candidate.tags) ? `${artifact.unreadable}; ${ofPrompts}` : artifact.unreadable
    return { verdict: 'failed', summary, measured: {}, digest: null }
  }
  const { digest, bytes, files } = artifact
  const measured = { bytes, files: files.length }
  const differs = candidate.digest !== null && candidate.digest !== digest
  const size = `${wordCount(bytes, 'byte')} in ${wordCount(files.length, 'file')}`
  return {
    verdict: differs ? 'failed' : 'passed',
    summary: differs
      ? `the artifact has digest ${digest}, but ${candidate.digest} was declared`
      : `${size}, digest ${shortDigest(digest)}${candidate.digest === null ? '' : ' as before'}`,
    measured,
    digest,
  }
}

async function readWithin(
  timeoutMs: number,
  source: string,
  env: CheckEnvironment,
): Promise<Artifact | { unreadable: string }> {
  const timeLimit = AbortSignal.timeout(timeoutMs)
  const signal = AbortSignal.any([env.signal, timeLimit])
  try {
    return await withArtifact(source, env.places, { maxBytes: maxArtifactBytes, signal }, (local, roots) =>
      readArtifact(local, [...env.artifactRoots, ...roots], {
        maxBytes: maxArtifactBytes,
        keepContent: false,
        signal,
      }),
    )
  } catch (error) {
    env.signal.throwIfAborted()
    // A slow disk or network is not the model's fault.
    if (timeLimit.aborted)
      throw new CheckErroredError(`reading ${source} took longer than ${wordMs(timeoutMs)}`)
    if (error instanceof UnreadableSourceError) return { unreadable: error.message }
    throw error
  }
}

// Enough of it to tell two artifacts apart by eye; the whole one stands beside it.
function shortDigest(digest: string): string {
  return `${digest.slice(0, 'sha256:'.length + 12)}…`
}
