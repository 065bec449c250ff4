// POST /slack/interactions: what people click in Slack.
//
// Invariants:
//   K1. Nothing is read of a request before its bytes are known to be Slack's (R7).
//   K2. A decision is committed before Slack gets its 200, and waits for no call to Slack but the very first one,
//       which tells whose workspace it is (L16).
//   K3. What was not taken is told to the clicker alone, by a command that survives us, and once per click (V6).
//   K4. Only people of the app's own workspace decide; when that cannot be told, nobody does (R30, R34).
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import { InvalidInputError, NotFoundError } from '../errors.ts'
import { type Answer, type AnswerOutcome, answerRequest } from '../lifecycle/answer.ts'
import type { LifecycleDeps } from '../lifecycle/deps.ts'
import { explainRefusal } from '../machines/rules.ts'
import { type SlackDesk, slackDesk } from '../notifiers/slack/desk.ts'
import { type Clicker, type Interaction, readInteraction } from '../notifiers/slack/interactions.ts'
import { declineIds, declineModal, maxReason } from '../notifiers/slack/modal.ts'
import { checkSignature } from '../notifiers/slack/signature.ts'
import { personBySlack } from '../policy/people.ts'
import { isApprover } from '../policy/permission.ts'
import { type ApprovalRow, loadRequest, modelOfRequest } from '../store/approvals.ts'
import { appendCommands } from '../store/commands.ts'
import { type Database, violates } from '../store/database.ts'
import type { Actor } from '../store/events.ts'
import { inTransaction } from '../store/transaction.ts'
import type { App, AppDeps } from './deps.ts'
import { refuse } from './errors.ts'
import { parseJson } from './json.ts'

/** What answering clicks needs. */
export type SlackRouteDeps = LifecycleDeps & {
  config: Pick<Config, 'slack'>
  db: Kysely<Database>
  log: AppDeps['log']
}

type Click = Interaction & { kind: 'click' }
type DeclineForm = Interaction & { kind: 'declineForm' }

/** One interaction under way: everything its steps need beside its content. */
type Underway = SlackRouteDeps & { desk: SlackDesk; http: FastifyRequest; body: Buffer }

const maxBodyBytes = 256 * 1024
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Adds the route for clicks in Slack, where Slack is configured. */
export async function slackRoutes(app: App, deps: SlackRouteDeps): Promise<void> {
  const { slack } = deps.config
  if (slack === null) return
  const desk = slackDesk({ botToken: slack.botToken, apiUrl: slack.apiUrl, log: deps.log })
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    // Asked for ahead of the first click; it answers for itself when it fails.
    scope.addHook('onReady', async () => void desk.identity())
    scope.route({
      method: 'POST',
      url: '/slack/interactions',
      config: { access: 'signed' },
      bodyLimit: maxBodyBytes,
      handler: (request, reply) => takeInteraction(deps, slack.signingSecret, desk, request, reply),
    })
  })
}

async function takeInteraction(
  deps: SlackRouteDeps,
  secret: string,
  desk: SlackDesk,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const body = Buffer.isBuffer(http.body) ? http.body : Buffer.alloc(0)
  const { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature } = http.headers
  const check = checkSignature(secret, body, { timestamp, signature }, deps.now()) // K1
  if (check.kind === 'refused' || !isForm(http)) {
    http.log.warn({ why: check.kind === 'refused' ? check.why : 'not a form' }, 'slack: refused a request')
    return refuse(reply, 401, 'invalid_signature', 'This is not a recent request signed by Slack.')
  }
  const interaction = readInteraction(payloadOf(body))
  const underway = { ...deps, desk, http, body }
  switch (interaction.kind) {
    case 'click':
      await (interaction.answer === 'approve' ? approve : askWhy)(underway, interaction)
      return reply.code(200).send()
    case 'declineForm':
      return reply.code(200).send(await decline(underway, interaction))
    case 'other':
      http.log.info({ type: interaction.type }, 'slack: ignored an interaction')
      return reply.code(200).send()
  }
}

async function approve(underway: Underway, click: Click): Promise<void> {
  const found = await findRequest(underway, click)
  if (found.kind === 'refused') return tell(underway, click, null, found.why)
  const outcome = await answer(underway, click.clicker, found.request, { answer: 'approve', reason: null })
  const why = whyNot(outcome)
  if (why !== null) await tell(underway, click, outcome, why)
}

// The one call to Slack that a click waits for: a trigger is good for three seconds only.
async function askWhy(underway: Underway, click: Click): Promise<void> {
  const found = await findRequest(underway, click)
  if (found.kind === 'refused') return tell(underway, click, null, found.why)
  const { request } = found
  const { name: model } = await modelOfRequest(underway.db, request.id)
  const about = { name: model, version: request.version }
  const { name, mayApprove } = answererOf(underway, click.clicker, request)
  if (request.state !== 'pending')
    return tell(underway, click, about, `This request is already ${request.state}; nothing was changed.`)
  if (!isApprover(request, name, { hasRole: mayApprove }))
    return tell(underway, click, about, explainRefusal('notAnApprover'))
  const modal = declineModal({ requestId: request.id, model, version: request.version })
  const opened = await underway.desk.openModal(click.triggerId, modal)
  if (opened.kind === 'opened' || opened.kind === 'opened before') return
  underway.http.log.warn({ why: opened.why, request: request.id }, 'slack: could not ask for a reason')
  const command = `\`greenroom decline ${request.id} --reason "…"\``
  await tell(
    underway,
    click,
    about,
    `Slack could not open the form; nothing was changed. Click again, or use ${command}.`,
  )
}

async function decline(underway: Underway, form: DeclineForm): Promise<object> {
  const reason = form.reason.trim()
  if (reason === '') return formError('A decline needs a reason; say what would have to change.')
  if (reason.length > maxReason) return formError(`At most ${maxReason} characters, please.`)
  const found = await findRequest(underway, form)
  if (found.kind === 'refused') return formError(found.why)
  const outcome = await answer(underway, form.clicker, found.request, { answer: 'decline', reason })
  // Sent off twice, because our first 200 was lost: it was taken.
  const taken = outcome.kind === 'duplicate' && outcome.state === 'declined'
  const why = taken ? null : whyNot(outcome)
  return why === null ? { response_action: 'clear' } : formError(why)
}

async function answer(
  underway: Underway,
  clicker: Clicker,
  request: ApprovalRow,
  given: Answer,
): Promise<AnswerOutcome> {
  const from = answererOf(underway, clicker, request)
  const by: Actor = { principal: from.name, channel: 'slack', traceId: underway.http.id }
  const outcome = await answerRequest(underway.db, request.id, given, from, by, underway) // K2
  const { kind, name, version } = outcome
  underway.http.log.info(
    { kind, answer: given.answer, principal: from.name, request: request.id, model: name, version },
    'slack: answered a request',
  )
  return outcome
}

type Found = { kind: 'found'; request: ApprovalRow } | { kind: 'refused'; why: string }

// The request that an interaction is about, unless it cannot be answered from here.
async function findRequest({ desk, db, http }: Underway, asked: Click | DeclineForm): Promise<Found> {
  const { clicker, requestId } = asked
  const identity = await desk.identity() // K4
  if (identity.kind !== 'known') {
    http.log.warn({ why: identity.why }, 'slack: the own workspace is not known')
    return refused('Greenroom cannot reach Slack to see whose workspace this is. Try again shortly.')
  }
  if (clicker.teamIds.length === 0 || clicker.teamIds.some((id) => id !== identity.teamId)) {
    http.log.warn({ user: clicker.id, teams: clicker.teamIds }, 'slack: refused a foreign workspace')
    return refused('You belong to another Slack workspace; only members of this one may decide.')
  }
  const unknown = refused('Greenroom knows no request by this button.')
  if (!uuid.test(requestId)) return unknown
  try {
    return { kind: 'found', request: await loadRequest(db, requestId) }
  } catch (error) {
    if (error instanceof NotFoundError) return unknown
    throw error
  }
}

function refused(why: string): Found & { kind: 'refused' } {
  return { kind: 'refused', why: `${why} Nothing was changed.` }
}

// Where the policy lists approvers, its list decides. Where it does not, a role would; Slack knows no roles,
// so the people whom the policy maps to Slack stand for it.
function answererOf({ policy }: Underway, { id }: Clicker, { approvers }: ApprovalRow) {
  const person = personBySlack(policy, id)
  return { name: person?.name ?? `slack:${id}`, mayApprove: person !== null || approvers !== null }
}

/** What to tell the person whose answer changed nothing; null when it was taken. */
function whyNot(outcome: AnswerOutcome): string | null {
  switch (outcome.kind) {
    case 'promoted':
    case 'counted':
    case 'declined':
      return null
    case 'duplicate':
    case 'closed':
    case 'stale':
    case 'refused':
      return outcome.why
  }
}

async function tell(
  { db, http, body }: Underway,
  { channel, clicker }: Click,
  about: { name: string; version: number } | null,
  text: string,
): Promise<void> {
  const said = about === null ? text : `${about.name}, version ${about.version}: ${text}`
  const command = {
    id: idOf(body),
    kind: 'replyPrivately',
    payload: { channel, user: clicker.id, text: said },
    model: about?.name ?? '',
    version: about?.version ?? 0,
    traceId: http.id,
  } as const
  try {
    await inTransaction(db, (trx) => appendCommands(trx, [command]))
  } catch (error) {
    if (!violates(error, 'command_pkey')) throw error // K3
  }
}

// The same bytes again are the same click; Slack never sends them for another.
function idOf(body: Buffer): string {
  const hex = createHash('sha256').update('slack reply:').update(body).digest('hex')
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5')
}

function isForm({ headers }: FastifyRequest): boolean {
  return /^application\/x-www-form-urlencoded *(;|$)/i.test(headers['content-type'] ?? '')
}

function payloadOf(body: Buffer): unknown {
  const [payload, ...others] = new URLSearchParams(body.toString('utf8')).getAll('payload')
  if (payload === undefined || others.length > 0)
    throw new InvalidInputError('The form must have one field "payload".', 'invalid_payload')
  return parseJson(Buffer.from(payload))
}

function formError(text: string): object {
  return { response_action: 'errors', errors: { [declineIds.block]: text } }
}
