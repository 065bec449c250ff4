// From rows to MLflow's objects, field for field: what is empty or unset is left out, but for the texts of a version,
// which its client shows as they come. Beyond MLflow a version tells its author, its lifecycle's state and its digest.
import type { RegistryModel, RegistryVersion } from '../../store/registry-records.ts'

/** A registered model. *Pure.* */
export function viewModel(model: RegistryModel) {
  return {
    name: model.name,
    creation_timestamp: model.created_at.getTime(),
    last_updated_timestamp: model.updated_at.getTime(),
    ...(model.description ? { description: model.description } : {}),
    // Without their aliases, which stand below.
    ...unlessEmpty(
      'latest_versions',
      model.latest_versions.map((version) => viewVersion({ ...version, aliases: [] })),
    ),
    ...unlessEmpty('tags', model.tags),
    ...unlessEmpty(
      'aliases',
      model.aliases.map(({ alias, version }) => ({ alias, version: String(version) })),
    ),
  }
}

/** A model version. *Pure.* */
export function viewVersion(version: RegistryVersion) {
  return {
    name: version.name,
    version: String(version.version),
    creation_timestamp: version.created_at.getTime(),
    last_updated_timestamp: version.updated_at.getTime(),
    current_stage: version.stage,
    ...(version.description === null ? {} : { description: version.description }),
    source: version.source,
    run_id: version.run_id ?? '',
    // Whatever is registered is there to be loaded, so nobody has to wait for it.
    status: 'READY',
    ...unlessEmpty('tags', version.tags),
    run_link: version.run_link ?? '',
    ...unlessEmpty('aliases', version.aliases),
    lifecycle_state: version.state,
    ...(version.author === null ? {} : { author: version.author }),
    ...(version.digest === null ? {} : { digest: version.digest }),
  }
}

function unlessEmpty<K extends string, T>(key: K, list: T[]): { [P in K]?: T[] } {
  return list.length === 0 ? {} : ({ [key]: list } as { [P in K]: T[] })
}
