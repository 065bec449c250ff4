import { makeCreateVersion } from '../../lifecycle/creation.ts'
import type { Registration } from '../../lifecycle.ts'
import { findVersion } from '../../store/versions.ts'
import { isPrompt } from '../../webhooks/happenings.ts'
import { callerOf } from '../access.ts'
import type { AppDeps } from '../deps.ts'
import { longest } from '../registration-fields.ts'
import { type Endpoint, endpoint } from './endpoint.ts'
import { modelName, neededText, shortText, tags, text } from './fields.ts'
import { readSource, unresolved } from './source.ts'
import { viewVersion } from './views.ts'

/** The endpoint that registers a version of a model that is there, with local sources under `roots` only. */
export function createModelVersion(deps: AppDeps, roots: string[]): Endpoint {
  const createVersion = makeCreateVersion(deps.db)
  return endpoint({
    method: 'POST',
    path: '/model-versions/create',
    access: 'registrar',
    fields: {
      name: modelName,
      source: neededText,
      run_id: shortText(longest.runId),
      tags,
      run_link: shortText(longest.source),
      description: shortText(longest.description),
      // For a tracking server's own models; its `models:/` source says the same.
      model_id: text,
    },
    answer: async (input, { request, by }) => {
      const { name, source, tags, description = '' } = input
      const now = deps.now()
      const caller = callerOf(request)
      const registration = {
        name,
        source,
        version: null,
        runId: input.run_id || null,
        metrics: {},
        tags,
        description,
        author: caller.via === 'token' ? caller.name : null,
        digest: null,
        runLink: input.run_link || null,
        downloadUri: await resolveSource(source, isPrompt(tags), roots, deps),
      } satisfies Registration
      const outcome = await createVersion(registration, by, { ...deps, now: () => now })
      const { version, stage, state } = outcome
      return {
        model_version: viewVersion({
          ...registration,
          version,
          stage,
          state,
          run_id: registration.runId,
          run_link: registration.runLink,
          download_uri: registration.downloadUri,
          tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
          aliases: [],
          created_at: now,
          updated_at: now,
        }),
      }
    },
  })
}

/** Where to load a version from, when that is not its source. Throws InvalidInputError for a source that is not accepted. */
async function resolveSource(
  source: string,
  isPrompt: boolean,
  roots: string[],
  { db }: AppDeps,
): Promise<string | null> {
  const read = readSource(source, roots, isPrompt)
  if (read.kind === 'place') return null
  const { name, version } = read
  const found = await findVersion(db, { name, version: Number(version) })
  if (found === undefined)
    throw unresolved(source, `Model Version (name=${name}, version=${version}) not found`)
  return found.download_uri ?? found.source
}
