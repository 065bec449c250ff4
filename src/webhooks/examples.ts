import type { EventName } from './events.ts'
import { type Happening, type Told, tell } from './happenings.ts'

const key = 'example_key'
const value = 'example_value'
const alias = 'example_alias'
const tags = { [key]: value }
const version = 1
const runId = 'abcd1234abcd5678'
const source = 'models:/123'
const description = 'An example model version'
const promptTags = { ...tags, 'mlflow.prompt.text': 'Hello {{name}}!' }
const promptDescription = 'An example prompt version'

const ofModels: Happening[] = [
  { kind: 'modelCreated', tags, description: 'An example registered model' },
  { kind: 'versionCreated', version, source, runId, tags, description },
  { kind: 'stageChanged', version, from: 'Staging', to: 'Production', actor: 'alice', reason: 'An example' },
  { kind: 'versionTagSet', version, key, value },
  { kind: 'versionTagDeleted', version, key },
  { kind: 'aliasSet', version, alias },
  { kind: 'aliasDeleted', alias },
]
const ofPrompts: Happening[] = [
  { kind: 'modelCreated', tags, description: 'An example prompt' },
  { kind: 'versionCreated', version, source, runId, tags: promptTags, description: promptDescription },
  { kind: 'modelTagSet', key, value },
  { kind: 'modelTagDeleted', key },
  { kind: 'versionTagSet', version, key, value },
  { kind: 'versionTagDeleted', version, key },
  { kind: 'aliasSet', version, alias },
  { kind: 'aliasDeleted', alias },
]

const examples: Told[] = [
  ...told(ofModels, 'example_model', false),
  ...told(ofPrompts, 'example_prompt', true),
  {
    entity: 'budget_policy',
    action: 'exceeded',
    data: {
      budget_policy_id: 'bp-abc123',
      budget_unit: 'USD',
      budget_amount: 100.5,
      current_spend: 105.5,
      duration_unit: 'MONTHS',
      duration_value: 1,
      target_scope: 'WORKSPACE',
      workspace: 'default',
      window_start: 1_704_067_200_000,
    },
  },
]

/** An event of this name with data made up, for trying a receiver out. *Pure.* */
export function exampleOf({ entity, action }: EventName): Told {
  const example = examples.find((one) => one.entity === entity && one.action === action)
  if (example === undefined) throw new Error(`there is no example of ${entity}.${action}`)
  return example
}

function told(happenings: Happening[], name: string, isPrompt: boolean): Told[] {
  return happenings.flatMap((happening) => tell(happening, { name, isPrompt, sequence: 1 }) ?? [])
}
