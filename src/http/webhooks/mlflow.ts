import { z } from 'zod'
import { parseInput } from '../errors.ts'
import { byName, filledText, modelName, text, versionNumber } from '../text.ts'
import type { WebhookSource } from './source.ts'

const envelope = z.looseObject({ entity: text(100), action: text(100) })

// What MLflow sends today; fields that it may add tomorrow are let be.
const created = z.object({
  data: z.object({
    name: modelName,
    version: z
      .string()
      .regex(/^[1-9]\d{0,9}$/, 'must be a version number as text')
      .transform(Number)
      .pipe(versionNumber),
    source: filledText(5_000),
    run_id: text(256).nullish(),
    tags: byName(filledText(250), text(100_000)).nullish(),
    description: text(100_000).nullish(),
  }),
})

/** MLflow's own webhooks. A created version is registered as the payload says; other events are let be. */
export function mlflowSource(secrets: readonly string[]): WebhookSource {
  return {
    name: 'mlflow',
    keys: secrets,
    headers: {
      id: 'x-mlflow-delivery-id',
      timestamp: 'x-mlflow-timestamp',
      signatures: 'x-mlflow-signature',
    },
    read: (payload) => {
      const { entity, action } = parseInput(envelope, payload)
      if (entity !== 'model_version' || action !== 'created') return { kind: 'ignored' }
      const { data } = parseInput(created, payload)
      const tags = data.tags ?? {}
      return {
        kind: 'registration',
        registration: {
          name: data.name,
          version: data.version,
          source: data.source,
          // Empty means that no run made it, as in MLflow's own calls.
          runId: data.run_id || null,
          metrics: {},
          tags,
          description: data.description ?? null,
          author: authorIn(tags),
          digest: null,
        },
      }
    },
  }
}

function authorIn(tags: Record<string, string>): string | null {
  const user = filledText(256).safeParse(tags['mlflow.user'])
  return user.success ? user.data : null
}
