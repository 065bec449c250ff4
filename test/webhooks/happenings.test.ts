import { describe, expect, test } from 'vitest'
import { bodyOf } from '../../src/webhooks/body.ts'
import { eventNames } from '../../src/webhooks/events.ts'
import { exampleOf } from '../../src/webhooks/examples.ts'
import { type Happening, isPrompt, tell } from '../../src/webhooks/happenings.ts'

const tags = {
  'mlflow.prompt.is_prompt': 'true',
  'mlflow.prompt.text': 'Hi {{x}}',
  _mlflow_prompt_type: 'text',
  a: 'b',
}
const version = 3
const tag = { key: 'k', value: 'v' }
const created = {
  kind: 'versionCreated',
  version,
  source: 's3://b/m',
  runId: 'r1',
  tags,
  description: 'd',
} as const

const moved = {
  'model_version.transitioned_stage': {
    name: 'm',
    version: '3',
    from_stage: 'Staging',
    to_stage: 'Production',
    actor: 'alice',
    reason: null,
    sequence: 7,
  },
}

/** A happening, and what is told of it when it is a model's and when it is a prompt's; null: nothing. */
const table: [string, Happening, Record<string, unknown> | null, Record<string, unknown> | null][] = [
  [
    'a created model',
    { kind: 'modelCreated', tags, description: null },
    { 'registered_model.created': { name: 'm', tags, description: '' } },
    { 'prompt.created': { name: 'm', tags: { 'mlflow.prompt.text': 'Hi {{x}}', a: 'b' }, description: '' } },
  ],
  [
    'a created version',
    created,
    {
      'model_version.created': {
        name: 'm',
        version: '3',
        source: 's3://b/m',
        run_id: 'r1',
        tags,
        description: 'd',
      },
    },
    {
      'prompt_version.created': {
        name: 'm',
        version: '3',
        template: 'Hi {{x}}',
        tags: { a: 'b' },
        description: 'd',
      },
    },
  ],
  [
    'a created version of which little is known',
    { ...created, runId: '', tags: {}, description: '' },
    {
      'model_version.created': {
        name: 'm',
        version: '3',
        source: 's3://b/m',
        run_id: null,
        tags: {},
        description: null,
      },
    },
    { 'prompt_version.created': { name: 'm', version: '3', template: null, tags: {}, description: null } },
  ],
  [
    'a change of stage',
    { kind: 'stageChanged', version, from: 'Staging', to: 'Production', actor: 'alice', reason: null },
    moved,
    moved, // MLflow's prompts have no stages, so it has no name of its own for this
  ],
  [
    'a tag set on a model',
    { kind: 'modelTagSet', ...tag },
    null,
    { 'prompt_tag.set': { name: 'm', key: 'k', value: 'v' } },
  ],
  [
    'a tag deleted from a model',
    { kind: 'modelTagDeleted', key: 'k' },
    null,
    { 'prompt_tag.deleted': { name: 'm', key: 'k' } },
  ],
  [
    'a tag set on a version',
    { kind: 'versionTagSet', version, ...tag },
    { 'model_version_tag.set': { name: 'm', version: '3', key: 'k', value: 'v' } },
    { 'prompt_version_tag.set': { name: 'm', version: '3', key: 'k', value: 'v' } },
  ],
  [
    'a tag deleted from a version',
    { kind: 'versionTagDeleted', version, key: 'k' },
    { 'model_version_tag.deleted': { name: 'm', version: '3', key: 'k' } },
    { 'prompt_version_tag.deleted': { name: 'm', version: '3', key: 'k' } },
  ],
  [
    'an alias',
    { kind: 'aliasSet', version, alias: 'champion' },
    { 'model_version_alias.created': { name: 'm', alias: 'champion', version: '3' } },
    { 'prompt_alias.created': { name: 'm', alias: 'champion', version: '3' } },
  ],
  [
    'a deleted alias',
    { kind: 'aliasDeleted', alias: 'champion' },
    { 'model_version_alias.deleted': { name: 'm', alias: 'champion' } },
    { 'prompt_alias.deleted': { name: 'm', alias: 'champion' } },
  ],
]

describe('what is told, with the fields in MLflow’s order', () => {
  const toldOf = (happening: Happening, isPrompt: boolean) => {
    const told = tell(happening, { name: 'm', isPrompt, sequence: 7 })
    return told === null ? null : JSON.stringify({ [`${told.entity}.${told.action}`]: told.data })
  }

  test.each(table)('of %s', (_, happening, ofModel, ofPrompt) => {
    expect(toldOf(happening, false)).toBe(ofModel && JSON.stringify(ofModel))
    expect(toldOf(happening, true)).toBe(ofPrompt && JSON.stringify(ofPrompt))
  })

  test.each([
    [{}, false],
    [{ 'mlflow.prompt.is_prompt': 'true' }, true],
    [{ 'mlflow.prompt.is_prompt': 'True' }, true],
    [{ 'mlflow.prompt.is_prompt': 'false' }, false],
  ])('tags %j make a prompt: %s', (tags, answer) => {
    expect(isPrompt(tags)).toBe(answer)
  })
})

test('there is an example of every event, with the fields of a real one', () => {
  for (const name of eventNames) expect(exampleOf(name)).toMatchObject({ ...name, data: expect.any(Object) })
  const real = tell(created, { name: 'm', isPrompt: false, sequence: 1 })
  const example = exampleOf({ entity: 'model_version', action: 'created' })
  expect(Object.keys(example.data)).toEqual(Object.keys(real?.data ?? {}))
})

test('a body is written as Python writes it: spaced, in ASCII, with microseconds and an offset', () => {
  const data = {
    name: 'ü€😀',
    text: '\u007f"\\\n\u0001/\u2028',
    n: 1,
    no: null,
    list: ['a', true],
    empty: {},
  }
  const at = new Date('2026-11-23T02:12:34.415Z')
  expect(bodyOf({ entity: 'model_version', action: 'created', data }, at)).toBe(
    String.raw`{"entity": "model_version", "action": "created", "timestamp": "2026-11-23T02:12:34.415000+00:00", "data": {"name": "\u00fc\u20ac\ud83d\ude00", "text": "\u007f\"\\\n\u0001/\u2028", "n": 1, "no": null, "list": ["a", true], "empty": {}}}`,
  )
})
