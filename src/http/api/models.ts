import { z } from 'zod'
import { NotFoundError } from '../../errors.ts'
import { stages } from '../../machines/stages.ts'
import { findBrokenLink, listEvents } from '../../store/events.ts'
import { listModelSummaries, loadModel, loadVersionRecord, mustFindModel } from '../../store/reads.ts'
import type { App, AppDeps } from '../deps.ts'
import { modelName, versionInUrl, wholeNumberInUrl } from '../text.ts'
import * as shape from './schemas.ts'
import { viewEvent, viewModelSummary, viewVersion, viewVersionSummary } from './views.ts'

const tags = ['Models']
const limit = wholeNumberInUrl(1, 1_000).default(100).describe('How many at most.')

/** Adds the routes that show models, versions and histories. */
export function modelRoutes(app: App, { db }: AppDeps): void {
  app.get(
    '/models',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'List the registered models by name',
        querystring: z.strictObject({
          after: modelName.optional().describe('Start after this name.'),
          limit,
        }),
        response: {
          200: z.object({
            models: z.array(shape.modelSummary),
            next_after: z.string().nullable().describe('What to pass as `after` for more; null at the end.'),
          }),
          ...shape.errors,
        },
      },
    },
    async ({ query }) => {
      const models = await listModelSummaries(db, query)
      const last = models.length === query.limit ? models.at(-1) : undefined
      return { models: models.map(viewModelSummary), next_after: last?.name ?? null }
    },
  )

  app.get(
    '/models/:name',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'Show a model and its versions',
        params: z.strictObject({ name: modelName }),
        querystring: z.strictObject({
          before: versionInUrl.optional().describe('Only versions below this one.'),
          stage: z.enum(stages).optional().describe('Only versions in this stage.'),
          limit,
        }),
        response: { 200: shape.model, ...shape.errors },
      },
    },
    async ({ params, query }) => {
      const { model, versions } = await loadModel(db, params.name, query)
      const last = versions.length === query.limit ? versions.at(-1) : undefined
      return {
        name: model.name,
        description: model.description,
        created_at: model.created_at.toISOString(),
        updated_at: model.updated_at.toISOString(),
        versions: versions.map(viewVersionSummary),
        next_before: last?.version ?? null,
      }
    },
  )

  app.get(
    '/models/:name/versions/:version',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'Show a version: where it stands, its checks, its approval, what it was made from',
        params: z.strictObject({ name: modelName, version: versionInUrl }),
        querystring: z.strictObject({}),
        response: { 200: shape.version, ...shape.errors },
      },
    },
    async ({ params }) => viewVersion(await loadVersionRecord(db, params)),
  )

  app.get(
    '/models/:name/history',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        summary: 'Show what happened to a model’s versions, oldest first',
        params: z.strictObject({ name: modelName }),
        querystring: z.strictObject({
          after_seq: wholeNumberInUrl(0, 2 ** 31 - 1)
            .optional()
            .describe('Start after this row.'),
          version: versionInUrl.optional().describe('Only of this version.'),
          limit,
        }),
        response: {
          200: z.object({
            name: z.string(),
            events: z.array(shape.historyEvent),
            next_after_seq: z
              .int()
              .nullable()
              .describe('What to pass as `after_seq` for more; null at the end.'),
            intact: z
              .boolean()
              .nullable()
              .describe(
                'Whether the whole chain of hashes holds, with no row changed or missing; told with the first page only.',
              ),
          }),
          ...shape.errors,
        },
      },
    },
    async ({ params, query }) => {
      const model = await mustFindModel(db, params.name)
      const { limit, version, after_seq: afterSeq } = query
      const page = {
        limit,
        ...(version !== undefined && { version }),
        ...(afterSeq !== undefined && { afterSeq }),
      }
      const events = await listEvents(db, model.id, page)
      // One that was deleted has a history all the same.
      if (version !== undefined && afterSeq === undefined && events.length === 0)
        throw new NotFoundError(`There is no version ${version} of "${model.name}".`)
      const last = events.length === limit ? events.at(-1) : undefined
      return {
        name: model.name,
        events: events.map(viewEvent),
        next_after_seq: last?.seq ?? null,
        intact: afterSeq === undefined ? (await findBrokenLink(db, model.id)) === null : null,
      }
    },
  )
}
