import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { placesBelow } from '../../src/artifacts/settings.ts'
import type { CheckEnvironment, CheckSubject } from '../../src/checks/check.ts'
import type { ModelSandbox } from '../../src/runtimes/sandbox.ts'

export const diabetes = join(import.meta.dirname, '../fixtures/diabetes')
export const rossmann = join(import.meta.dirname, '../../examples/rossmann')

const versions = z.object({
  versions: z.array(
    z.object({ file: z.string(), digest: z.string(), metrics: z.record(z.string(), z.number()) }),
  ),
})

/** What is said of a version where its model was made, in another language on another runtime. */
export function published(folder: string, version: number) {
  const found = versions.parse(JSON.parse(readFileSync(join(folder, 'versions.json'), 'utf8'))).versions[
    version - 1
  ]
  if (found === undefined) throw new Error(`${folder} has no version ${version}`)
  return found
}

/** A version to check, with whatever the test is about. */
export function subject(source: string, about: Partial<CheckSubject> = {}): CheckSubject {
  const said = { metrics: {}, tags: {}, description: null, runId: null }
  return { name: 'm', version: 2, source, digest: null, ...said, ...about }
}

/** An environment that reads from the fixtures and the examples, or from the roots given. */
export function environment(
  sandbox: ModelSandbox = unused,
  about: Partial<Omit<CheckEnvironment, 'sandbox'>> = {},
): CheckEnvironment {
  return {
    artifactRoots: [diabetes, rossmann],
    places: placesBelow([], null),
    signal: new AbortController().signal,
    ...about,
    sandbox,
  }
}

/** For checks that run no model: any use of it is a fault. */
const unused: ModelSandbox = {
  run: () => Promise.reject(new Error('this check must not run a model')),
  close: () => Promise.resolve(),
}
