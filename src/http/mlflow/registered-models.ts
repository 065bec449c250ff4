import { InvalidInputError } from '../../errors.ts'
import { describeModel, tagModel, untagModel } from '../../lifecycle/annotations.ts'
import { createModel } from '../../lifecycle/creation.ts'
import { deleteModel } from '../../lifecycle/removal.ts'
import { renameModel } from '../../lifecycle/renaming.ts'
import { stages as allStages } from '../../machines/model-version.ts'
import { listLatestVersions, loadModelRecord } from '../../store/registry-records.ts'
import { longest } from '../registration-fields.ts'
import { answerWithheld, type EndpointsOf, endpoint } from './endpoint.ts'
import { shown } from './errors.ts'
import { type Input, modelName, shortText, tagKey, tags, tagValue, texts } from './fields.ts'
import { parseStage } from './names.ts'
import { viewModel, viewVersion } from './views.ts'

const description = shortText(longest.description)
const latestFields = { name: modelName, stages: texts }

/** The endpoints of registered models and their tags. */
export const registeredModels: EndpointsOf = (deps) => {
  const { db } = deps
  const answerModel = async (name: string) => ({
    registered_model: viewModel(await loadModelRecord(db, name)),
  })
  const latest = {
    path: '/registered-models/get-latest-versions',
    access: 'viewer',
    fields: latestFields,
    answer: async ({ name, stages }: Input<typeof latestFields>) => {
      const wanted = stages.length === 0 ? allStages : stages.map(parseStage)
      const versions = await listLatestVersions(db, name, wanted)
      return versions.length === 0 ? {} : { model_versions: versions.map(viewVersion) }
    },
  } as const
  return [
    endpoint({
      method: 'POST',
      path: '/registered-models/create',
      access: 'registrar',
      fields: { name: modelName, tags, description },
      answer: async ({ name, tags, description = '' }, { by }) => {
        if ((await createModel(db, { name, tags, description }, by, deps)) === 'taken') throw taken(name)
        return answerModel(name)
      },
    }),
    endpoint({
      method: 'GET',
      path: '/registered-models/get',
      access: 'viewer',
      fields: { name: modelName },
      answer: ({ name }) => answerModel(name),
    }),
    endpoint({
      method: 'POST',
      path: '/registered-models/rename',
      access: 'approver',
      fields: { name: modelName, new_name: modelName },
      answer: async ({ name, new_name: newName }, { reply, by }) => {
        const outcome = await renameModel(db, name, newName, by, deps)
        if (outcome.kind === 'taken') throw taken(newName)
        return outcome.kind === 'renamed' ? answerModel(newName) : answerWithheld(reply, outcome, deps)
      },
    }),
    endpoint({
      method: 'PATCH',
      path: '/registered-models/update',
      access: 'registrar',
      fields: { name: modelName, description },
      answer: async ({ name, description = '' }) => {
        await describeModel(db, name, description, deps.now())
        return answerModel(name)
      },
    }),
    endpoint({
      method: 'DELETE',
      path: '/registered-models/delete',
      access: 'approver',
      fields: { name: modelName },
      answer: async ({ name }, { reply, by }) => {
        const outcome = await deleteModel(db, name, by, deps)
        return outcome.kind === 'deleted' ? {} : answerWithheld(reply, outcome, deps)
      },
    }),
    endpoint({ method: 'GET', ...latest }),
    endpoint({ method: 'POST', ...latest }),
    endpoint({
      method: 'POST',
      path: '/registered-models/set-tag',
      access: 'registrar',
      fields: { name: modelName, key: tagKey, value: tagValue },
      answer: ({ name, ...tag }, { by }) => tagModel(db, name, tag, by, deps.now()),
    }),
    endpoint({
      method: 'DELETE',
      path: '/registered-models/delete-tag',
      access: 'registrar',
      fields: { name: modelName, key: tagKey },
      answer: ({ name, key }, { by }) => untagModel(db, name, key, by, deps.now()),
    }),
  ]
}

function taken(name: string): InvalidInputError {
  return new InvalidInputError(
    `Registered Model (name=${shown(name)}) already exists.`,
    'RESOURCE_ALREADY_EXISTS',
  )
}
