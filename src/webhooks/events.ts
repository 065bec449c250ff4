// What others can be told of: MLflow's events (facts of its 3.x), and the one it lacks.

/** What a webhook is told of, spelled as deliveries spell it. */
export type EventName = { entity: string; action: string }

const actionsOf = new Map<string, readonly string[]>([
  ['registered_model', ['created']],
  ['model_version', ['created', 'transitioned_stage']],
  ['model_version_tag', ['deleted', 'set']],
  ['model_version_alias', ['created', 'deleted']],
  ['prompt', ['created']],
  ['prompt_version', ['created']],
  ['prompt_tag', ['deleted', 'set']],
  ['prompt_version_tag', ['deleted', 'set']],
  ['prompt_alias', ['created', 'deleted']],
  // Of MLflow's gateway. It never happens here; who asks for all of MLflow's events is not turned away for it.
  ['budget_policy', ['exceeded']],
])

/** The actions of an entity, in alphabetical order; undefined when there is no such entity. *Pure.* */
export function listActions(entity: string): readonly string[] | undefined {
  return actionsOf.get(entity)
}

/** All entities. */
export const entities: readonly string[] = [...actionsOf.keys()]

/** All events, in the order of their entities. */
export const eventNames: readonly EventName[] = [...actionsOf].flatMap(([entity, actions]) =>
  actions.map((action) => ({ entity, action })),
)

/** Tells whether MLflow knows the event too; its client cannot read the others. *Pure.* */
export function isOfMlflow({ entity, action }: EventName): boolean {
  return !(entity === 'model_version' && action === 'transitioned_stage')
}
