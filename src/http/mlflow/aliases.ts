import { InvalidInputError } from '../../errors.ts'
import { removeAlias, setAlias } from '../../lifecycle/aliases.ts'
import { stages } from '../../machines/model-version.ts'
import { findAliasedVersion } from '../../store/aliases.ts'
import { listLatestVersions, loadModelRecord } from '../../store/registry-records.ts'
import { refuse } from '../errors.ts'
import { answerWithheld, type EndpointsOf, endpoint } from './endpoint.ts'
import { shown } from './errors.ts'
import { alias, modelName, newAlias, versionNumber } from './fields.ts'
import { meansLatest } from './names.ts'
import { viewVersion } from './views.ts'

const path = '/registered-models/alias'

/** The endpoints of a model's aliases. */
export const aliases: EndpointsOf = (deps) => {
  const { db } = deps
  return [
    endpoint({
      method: 'POST',
      path,
      access: ['registrar', 'approver'],
      fields: { name: modelName, alias: newAlias, version: versionNumber },
      answer: async ({ alias, ...ref }, { reply, by }) => {
        const outcome = await setAlias(db, ref, alias, by, deps)
        return outcome.kind === 'done' ? {} : answerWithheld(reply, outcome)
      },
    }),
    endpoint({
      method: 'GET',
      path,
      access: 'viewer',
      fields: { name: modelName, alias },
      answer: async ({ name, alias }, { reply }) => {
        if (meansLatest(alias)) {
          const newest = (await listLatestVersions(db, name, stages)).at(-1)
          return newest === undefined
            ? refuse(reply, 404, 'RESOURCE_DOES_NOT_EXIST', `Latest version not found for model ${name}.`)
            : { model_version: viewVersion(newest) }
        }
        const version = await findAliasedVersion(db, name, alias)
        if (version !== undefined) return { model_version: viewVersion(version) }
        await loadModelRecord(db, name)
        throw new InvalidInputError(`Registered model alias ${shown(alias)} not found.`)
      },
    }),
    endpoint({
      method: 'DELETE',
      path,
      access: ['registrar', 'approver'],
      fields: { name: modelName, alias },
      answer: async ({ name, alias }, { reply, by }) => {
        const outcome = await removeAlias(db, name, alias, by, deps)
        return outcome.kind === 'done' ? {} : answerWithheld(reply, outcome)
      },
    }),
  ]
}
