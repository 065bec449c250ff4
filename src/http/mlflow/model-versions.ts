import { InvalidInputError } from '../../errors.ts'
import { describeVersion, tagVersion, untagVersion } from '../../lifecycle/annotations.ts'
import { deleteVersion } from '../../lifecycle/removal.ts'
import { transitionStage } from '../../lifecycle/transition.ts'
import { loadVersionRecordOf } from '../../store/registry-records.ts'
import type { VersionRef } from '../../store/versions.ts'
import { answererOf } from '../api/versions.ts'
import { longest } from '../registration-fields.ts'
import { answerWithheld, type EndpointsOf, endpoint } from './endpoint.ts'
import {
  flag,
  modelName,
  modelNameAsItIs,
  neededText,
  shortText,
  tagKey,
  tagValue,
  versionNumber,
  versionNumberAsItIs,
} from './fields.ts'
import { parseStage } from './names.ts'
import { viewVersion } from './views.ts'

const ofVersion = { name: modelName, version: versionNumber }

/** The endpoints of model versions that are there, and their tags. */
export const modelVersions: EndpointsOf = (deps) => {
  const { db } = deps
  const answerVersion = async (ref: VersionRef) => ({
    model_version: viewVersion(await loadVersionRecordOf(db, ref)),
  })
  return [
    endpoint({
      method: 'GET',
      path: '/model-versions/get',
      access: 'viewer',
      fields: ofVersion,
      answer: answerVersion,
    }),
    endpoint({
      method: 'PATCH',
      path: '/model-versions/update',
      access: 'registrar',
      fields: { ...ofVersion, description: shortText(longest.description) },
      answer: async ({ description, ...ref }) => {
        await describeVersion(db, ref, description ?? null, deps.now())
        return answerVersion(ref)
      },
    }),
    endpoint({
      method: 'POST',
      path: '/model-versions/transition-stage',
      access: ['registrar', 'approver'],
      fields: { ...ofVersion, stage: neededText, archive_existing_versions: flag },
      answer: async (
        { stage, archive_existing_versions: archiveExisting, ...ref },
        { request, reply, by },
      ) => {
        const to = parseStage(stage)
        if (archiveExisting && to !== 'Staging' && to !== 'Production')
          throw new InvalidInputError(
            `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. ` +
              "Valid stages are ['Staging', 'Production']",
          )
        const wish = { to, archiveExisting }
        const outcome = await transitionStage(db, ref, wish, answererOf(request), by, deps)
        return outcome.kind === 'moved' ? answerVersion(ref) : answerWithheld(reply, outcome)
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/model-versions/delete',
      access: 'approver',
      fields: ofVersion,
      answer: async (ref, { reply, by }) => {
        const outcome = await deleteVersion(db, ref, by, deps)
        return outcome.kind === 'deleted' ? {} : answerWithheld(reply, outcome)
      },
    }),
    endpoint({
      method: 'GET',
      path: '/model-versions/get-download-uri',
      access: 'viewer',
      fields: { name: modelNameAsItIs, version: versionNumberAsItIs },
      answer: async (ref) => {
        const { download_uri, source } = await loadVersionRecordOf(db, ref)
        return { artifact_uri: download_uri ?? source }
      },
    }),
    endpoint({
      method: 'POST',
      path: '/model-versions/set-tag',
      access: 'registrar',
      fields: { ...ofVersion, key: tagKey, value: tagValue },
      answer: ({ key, value, ...ref }) => tagVersion(db, ref, key, value),
    }),
    endpoint({
      method: 'DELETE',
      path: '/model-versions/delete-tag',
      access: 'registrar',
      fields: { ...ofVersion, key: tagKey },
      answer: ({ key, ...ref }) => untagVersion(db, ref, key),
    }),
  ]
}
