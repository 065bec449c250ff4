// The server's API as functions, one per route. All throw ApiError and NoAnswerError.
import { z } from 'zod'
import { InvalidInputError } from '../errors.ts'
import * as shape from '../http/api/schemas.ts'
import type { Stage } from '../machines/stages.ts'
import { type Connection, call, callMlflow } from './call.ts'

export type ModelSummary = z.infer<typeof shape.modelSummary>
export type Model = z.infer<typeof shape.model>
export type VersionSummary = Model['versions'][number]
export type Version = z.infer<typeof shape.version>
export type Validation = Version['validations'][number]
export type Check = Validation['checks'][number]
export type Approval = z.infer<typeof shape.approval>
export type HistoryEvent = z.infer<typeof shape.historyEvent>
export type Decided = z.infer<typeof shape.decisionOutcome>
export type Moved = z.infer<typeof shape.moveOutcome>
export type Registered = z.infer<typeof shape.registrationOutcome>

/** What is told of a version when it is registered; what is left out is not known. */
export type NewVersion = {
  source: string
  version?: number | undefined
  run_id?: string | undefined
  metrics?: Record<string, number> | undefined
  tags?: Record<string, string> | undefined
  description?: string | undefined
  author?: string | undefined
  digest?: string | undefined
}

const pageSize = 1_000

/** All registered models by name. */
export async function listModels(to: Connection): Promise<ModelSummary[]> {
  const page = z.object({ models: z.array(shape.modelSummary), next_after: z.string().nullable() })
  const models: ModelSummary[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const query = { after, limit: pageSize }
    const answer = await call(to, { method: 'GET', path: 'models', query }, page)
    models.push(...answer.models)
    after = answer.next_after
  }
  return models
}

/** A model with its newest versions, at most `limit` (1 to 1,000), below `before` and in `stage` when given. */
export function getModel(
  to: Connection,
  name: string,
  page: { limit: number; before?: number | undefined; stage?: Stage | undefined },
): Promise<Model> {
  return call(to, { method: 'GET', path: modelPath(name), query: page }, shape.model)
}

/** Every version of a model, newest first. */
export async function* eachVersion(to: Connection, name: string): AsyncGenerator<VersionSummary> {
  for (let before: number | undefined; ; ) {
    const { versions, next_before } = await getModel(to, name, { limit: pageSize, before })
    yield* versions
    if (next_before === null) return
    before = next_before
  }
}

/** The newest version of a model that is in a stage; null when none is. */
export async function findInStage(to: Connection, name: string, stage: Stage): Promise<number | null> {
  const { versions } = await getModel(to, name, { limit: 1, stage })
  return versions[0]?.version ?? null
}

const aliased = z.object({ model_version: z.object({ version: z.string().regex(/^[1-9]\d{0,9}$/) }) })

/** The version that an alias of a model names. */
export async function getAliased(to: Connection, name: string, alias: string): Promise<number> {
  const path = 'registered-models/alias'
  const answer = await callMlflow(to, { method: 'GET', path, query: { name, alias } }, aliased)
  return Number(answer.model_version.version)
}

/** One version with its validations and its newest approval request. */
export function getVersion(to: Connection, name: string, version: number): Promise<Version> {
  return call(to, { method: 'GET', path: versionPath(name, version) }, shape.version)
}

/** A model's whole history, oldest first, and whether its chain of hashes holds. */
export async function readHistory(
  to: Connection,
  name: string,
  version: number | undefined,
): Promise<{ events: HistoryEvent[]; intact: boolean }> {
  const page = z.object({
    events: z.array(shape.historyEvent),
    next_after_seq: z.int().nullable(),
    intact: z.boolean().nullable(),
  })
  const events: HistoryEvent[] = []
  let intact = true
  for (let after: number | undefined; ; ) {
    const query = { version, after_seq: after, limit: pageSize }
    const answer = await call(to, { method: 'GET', path: `${modelPath(name)}/history`, query }, page)
    events.push(...answer.events)
    intact &&= answer.intact !== false
    if (answer.next_after_seq === null) return { events, intact }
    after = answer.next_after_seq
  }
}

/** Registers a version, which starts its validation. */
export function registerVersion(to: Connection, name: string, version: NewVersion): Promise<Registered> {
  const path = `${modelPath(name)}/versions`
  return call(to, { method: 'POST', path, body: version }, shape.registrationOutcome)
}

/** Has a version's checks run again. */
export function validateVersion(to: Connection, name: string, version: number): Promise<Moved> {
  const path = `${versionPath(name, version)}/validate`
  return call(to, { method: 'POST', path, body: {} }, shape.moveOutcome)
}

/** Asks for a version's promotion; for an approver, while a request is open, it is their approval. */
export function promoteVersion(
  to: Connection,
  name: string,
  version: number,
  wish: { archive_existing?: boolean | undefined; reason?: string | undefined },
): Promise<Decided> {
  const path = `${versionPath(name, version)}/promote`
  return call(to, { method: 'POST', path, body: wish }, shape.decisionOutcome)
}

/** Archives a version. */
export function archiveVersion(
  to: Connection,
  name: string,
  version: number,
  reason: string | undefined,
): Promise<Moved> {
  const path = `${versionPath(name, version)}/archive`
  return call(to, { method: 'POST', path, body: { reason } }, shape.moveOutcome)
}

/** The approval requests that wait for people, newest first. */
export async function listPendingApprovals(to: Connection): Promise<Approval[]> {
  const found: Approval[] = []
  for (let before: string | undefined; ; ) {
    const query = { state: 'pending', limit: 200, before }
    const answer = await call(to, { method: 'GET', path: 'approvals', query }, shape.approvalList)
    found.push(...answer.approvals)
    if (answer.next_before === null) return found
    before = answer.next_before
  }
}

/** Answers an approval request. */
export function answerApproval(
  to: Connection,
  id: string,
  answer: 'approve' | 'decline',
  reason: string | undefined,
): Promise<Decided> {
  const path = `approvals/${segment(id)}/${answer}`
  return call(to, { method: 'POST', path, body: { reason } }, shape.decisionOutcome)
}

const newToken = shape.token.extend({ token: z.string() })

/** A token just made, with its secret. */
export type NewToken = z.infer<typeof newToken>

/** Makes a token for a person or a machine; `expiresIn` is a duration such as `30d`. */
export function createToken(
  to: Connection,
  wish: { name: string; roles: string[]; expiresIn: string | undefined },
): Promise<NewToken> {
  const { name, roles, expiresIn } = wish
  return call(to, { method: 'POST', path: 'tokens', body: { name, roles, expires_in: expiresIn } }, newToken)
}

function versionPath(name: string, version: number): string {
  return `${modelPath(name)}/versions/${version}`
}

function modelPath(name: string): string {
  return `models/${segment(name)}`
}

/** One segment of a path. A URL reads "." and ".." as directions, even when they are encoded. */
function segment(text: string): string {
  if (text.trim() === '' || text === '.' || text === '..')
    throw new InvalidInputError(`There can be nothing named "${text}"; correct the name.`)
  return encodeURIComponent(text.toWellFormed())
}
