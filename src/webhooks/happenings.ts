// From what happens in the registry to what others are told of it. All of it is pure.
import type { EventName } from './events.ts'

type Version = { version: number }
type Tag = { key: string; value: string }
type Tags = Record<string, string>

/** A thing that happened to a registered model, as the registry sees it. */
export type Happening =
  | { kind: 'modelCreated'; tags: Tags; description: string | null }
  | ({
      kind: 'versionCreated'
      source: string
      /** As it was given, not as it was resolved. */
      runId: string | null
      tags: Tags
      description: string | null
    } & Version)
  | ({ kind: 'stageChanged'; from: string; to: string; actor: string; reason: string | null } & Version)
  | ({ kind: 'modelTagSet' } & Tag)
  | { kind: 'modelTagDeleted'; key: string }
  | ({ kind: 'versionTagSet' } & Version & Tag)
  | ({ kind: 'versionTagDeleted'; key: string } & Version)
  /** Set anew or moved: MLflow says `created` of both. */
  | ({ kind: 'aliasSet'; alias: string } & Version)
  | { kind: 'aliasDeleted'; alias: string }

/** Whose happening it is; `sequence` is where it stands in the model's history. */
export type Subject = { name: string; isPrompt: boolean; sequence: number }

/** What others are told: an event, and its data with the fields in MLflow's order. */
export type Told = EventName & { data: Record<string, unknown> }

/** The tag that makes a prompt of a model. */
export const promptTag = 'mlflow.prompt.is_prompt'
const promptTextTag = 'mlflow.prompt.text'
const internalPromptTags = [promptTag, '_mlflow_prompt_type']

/** Tells whether a model or version with these tags is a prompt. *Pure.* */
export function isPrompt(tags: Tags): boolean {
  return tags[promptTag]?.toLowerCase() === 'true'
}

/** What others are told of a happening, in MLflow's words; null where MLflow has none for it. *Pure.* */
export function tell(happening: Happening, { name, isPrompt, sequence }: Subject): Told | null {
  const told = (entity: string, action: string, data: Record<string, unknown>): Told => ({
    entity,
    action,
    data: { name, ...data },
  })
  const one = isPrompt ? 'prompt' : 'model_version'
  switch (happening.kind) {
    case 'modelCreated': {
      const { tags, description } = happening
      return isPrompt
        ? told('prompt', 'created', {
            tags: without(tags, internalPromptTags),
            description: description ?? '',
          })
        : told('registered_model', 'created', { tags, description: description ?? '' })
    }
    case 'versionCreated':
      return isPrompt
        ? told('prompt_version', 'created', promptVersion(happening))
        : told('model_version', 'created', modelVersion(happening))
    case 'stageChanged': {
      const { version, from, to, actor, reason } = happening
      const change = { version: `${version}`, from_stage: from, to_stage: to, actor, reason, sequence }
      return told('model_version', 'transitioned_stage', change)
    }
    case 'modelTagSet':
      return isPrompt ? told('prompt_tag', 'set', { key: happening.key, value: happening.value }) : null
    case 'modelTagDeleted':
      return isPrompt ? told('prompt_tag', 'deleted', { key: happening.key }) : null
    case 'versionTagSet': {
      const { version, key, value } = happening
      return told(isPrompt ? 'prompt_version_tag' : 'model_version_tag', 'set', {
        version: `${version}`,
        key,
        value,
      })
    }
    case 'versionTagDeleted': {
      const { version, key } = happening
      return told(isPrompt ? 'prompt_version_tag' : 'model_version_tag', 'deleted', {
        version: `${version}`,
        key,
      })
    }
    case 'aliasSet':
      return told(`${one}_alias`, 'created', { alias: happening.alias, version: `${happening.version}` })
    case 'aliasDeleted':
      return told(`${one}_alias`, 'deleted', { alias: happening.alias })
  }
}

type Created = Happening & { kind: 'versionCreated' }

function modelVersion({ version, source, runId, tags, description }: Created): Record<string, unknown> {
  // An empty text is what MLflow's client sends for none.
  return { version: `${version}`, source, run_id: runId || null, tags, description: description || null }
}

function promptVersion({ version, tags, description }: Created): Record<string, unknown> {
  const template = tags[promptTextTag] ?? null
  const others = without(tags, [...internalPromptTags, promptTextTag])
  return { version: `${version}`, template, tags: others, description: description || null }
}

function without(tags: Tags, keys: string[]): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key)))
}
