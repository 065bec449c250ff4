// What must hold after any fault, told from three sides: the database, Slack, and the journal of whoever registered.
// The V and L numbers are those of the invariants that are cited throughout the source.
import type { Kysely } from 'kysely'
import type { SlackSandbox } from '../../src/sandbox/slack.ts'
import type { Database } from '../../src/store/database.ts'
import { findBrokenLink } from '../../src/store/events.ts'
import { type Entry, isTaken } from './registrar.ts'

/** Where the oracle looks. */
export type Evidence = { db: Kysely<Database>; sandbox: SlackSandbox; journal: Entry[] }

/** Everything that is not as it must be once all is quiet, one sentence each; empty when all is well. */
export async function findViolations(evidence: Evidence): Promise<string[]> {
  const { db, sandbox, journal } = evidence
  const found = await Promise.all([
    checkEnds(db, journal),
    checkAnswers(db, journal),
    checkProduction(db),
    checkHistory(db),
    checkDecisions(db),
    checkFindings(db),
    checkMessages(db, sandbox),
  ])
  return found.flat()
}

/** Tells whether nothing is under way any more: what was taken is there and has its end, and no command is open. */
export async function isQuiet({ db, journal }: Omit<Evidence, 'sandbox'>): Promise<boolean> {
  const [open, moving, known] = await Promise.all([
    db.selectFrom('command').select('id').where('status', 'in', ['pending', 'queued', 'running']).execute(),
    db.selectFrom('model_version').select('state').where('state', 'in', ['validating', 'testing']).execute(),
    db.selectFrom('model_version').select('run_id').execute(),
  ])
  const there = new Set(known.map(({ run_id }) => run_id))
  const taken = journal.filter(({ answers }) => answers.some(isTaken))
  return open.length === 0 && moving.length === 0 && taken.every(({ id }) => there.has(id))
}

/** L1: what was taken has reached the end that its figures ask for, and nothing is left to be done. */
async function checkEnds(db: Kysely<Database>, journal: Entry[]): Promise<string[]> {
  const versions = await db.selectFrom('model_version').select(['run_id', 'stage', 'state']).execute()
  const byRun = new Map(versions.map((version) => [version.run_id, version]))
  const wrong = journal.flatMap(({ id, model, end, answers }) => {
    const version = byRun.get(id)
    if (version === undefined)
      return answers.some(isTaken) ? [`L1: ${model} was answered with 2xx and is lost`] : []
    const standing = `${version.stage}.${version.state}`
    return ends[end].includes(standing) ? [] : [`L1: ${model} is ${standing}, not ${end}`]
  })
  const commands = await db
    .selectFrom('command')
    .select(['kind', 'model', 'status', 'attempt', 'last_error'])
    .where('status', 'in', ['pending', 'queued', 'running', 'dead'])
    .execute()
  return [
    ...wrong,
    ...commands.map(
      ({ kind, model, status, attempt, last_error }) =>
        `L1: ${kind} for ${model} is ${status} in attempt ${attempt} (${last_error})`,
    ),
  ]
}

// Whoever was asked about may have been decided on since; checkDecisions holds that against the decisions.
const ends: Record<Entry['end'], string[]> = {
  asked: [
    'Staging.awaitingApproval',
    'Staging.declined',
    'Staging.ready',
    'Production.live',
    'Archived.retired',
  ],
  rejected: ['None.rejected'],
  stuck: ['None.stuck'],
}

/** V7: one delivery is one version, whatever was sent again, and all who were told of it were told the same. */
async function checkAnswers(db: Kysely<Database>, journal: Entry[]): Promise<string[]> {
  const versions = await db.selectFrom('model_version').select(['run_id', 'version']).execute()
  const byRun = Map.groupBy(versions, ({ run_id }) => run_id)
  const deliveries = await db.selectFrom('delivery').select(['id', 'model', 'version']).execute()
  const byId = new Map(deliveries.map((delivery) => [delivery.id, delivery]))
  return journal.flatMap(({ id, model, answers }) => {
    const made = byRun.get(id) ?? []
    const told = answers.filter(isTaken).map(({ body }) => (body as { version?: number }).version)
    const delivery = byId.get(id)
    const odd = answers.filter((answer) => !isTaken(answer) && !isRetryable(answer))
    return [
      ...(made.length > 1 ? [`V7: ${model} was delivered once and is ${made.length} versions`] : []),
      ...(told.some((version) => version !== made[0]?.version) ? [`V7: ${model} was told of ${told}`] : []),
      ...(made.length > 0 && (delivery?.model !== model || delivery.version !== made[0]?.version)
        ? [`V7: the delivery of ${model} does not name its version`]
        : []),
      ...odd.map(({ status, body }) => `V7: ${model} was answered ${status} ${JSON.stringify(body)}`),
    ]
  })
}

const isRetryable = ({ status, retryAfter }: Entry['answers'][number]): boolean =>
  status === 0 || (status === 503 && retryAfter !== null && retryAfter <= 60)

/** V1: a model has one version in Production at most, and one exactly once it has had any. */
export async function checkProduction(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await db.executeQuery<{ name: string; live: number; promoted: boolean }>(
    db
      .selectFrom('registered_model as model')
      .select((of) => [
        'model.name',
        of
          .selectFrom('model_version as version')
          .whereRef('version.model_id', '=', 'model.id')
          .where('stage', '=', 'Production')
          .select((count) => count.fn.countAll<number>().as('count'))
          .as('live'),
        of
          .exists(
            of
              .selectFrom('event')
              .select('seq')
              .whereRef('event.model_id', '=', 'model.id')
              .where('to_stage', '=', 'Production'),
          )
          .as('promoted'),
      ])
      .compile(),
  )
  return rows
    .filter(({ live, promoted }) => Number(live) !== (promoted ? 1 : 0))
    .map(({ name, live }) => `V1: ${name} has ${live} versions in Production`)
}

/** V2: every history is gapless and intact, and says of every version where it stands and how it came there. */
async function checkHistory(db: Kysely<Database>): Promise<string[]> {
  const models = await db.selectFrom('registered_model').select(['id', 'name']).execute()
  const broken = await Promise.all(
    models.map(async ({ id, name }) => {
      const seq = await findBrokenLink(db, id)
      return seq === null ? [] : [`V2: the history of ${name} is broken at ${seq}`]
    }),
  )
  const events = await db.selectFrom('event').selectAll().orderBy('seq').execute()
  const byVersion = Map.groupBy(events, ({ model_id, version }) => `${model_id}/${version}`)
  const versions = await db.selectFrom('model_version').selectAll().execute()
  const untold = versions.flatMap(({ model_id, version, stage, state }) => {
    let standing = 'null.null'
    for (const event of byVersion.get(`${model_id}/${version}`) ?? []) {
      if (`${event.from_stage}.${event.from_state}` !== standing)
        return [`V2: event ${event.seq} of model ${model_id} does not begin at ${standing}`]
      standing = `${event.to_stage}.${event.to_state}`
    }
    return standing === `${stage}.${state}`
      ? []
      : [`V2: version ${version} of model ${model_id} is ${stage}.${state}, its history says ${standing}`]
  })
  return [...broken.flat(), ...untold]
}

/** V3, V4: a request has the one decision that its outcome asks for, and its version stands where that leads. */
async function checkDecisions(db: Kysely<Database>): Promise<string[]> {
  const requests = await db
    .selectFrom('approval_request as request')
    .innerJoin('model_version as version', (join) =>
      join
        .onRef('version.model_id', '=', 'request.model_id')
        .onRef('version.version', '=', 'request.version'),
    )
    .innerJoin('validation', 'validation.id', 'request.validation_id')
    .select(['request.id', 'request.state', 'version.stage', 'version.state as versionState', 'status'])
    .execute()
  const decisions = Map.groupBy(
    await db.selectFrom('decision').select(['request_id', 'answer']).execute(),
    ({ request_id }) => request_id,
  )
  return requests.flatMap(({ id, state, stage, versionState, status }) => {
    const made = (decisions.get(id) ?? []).map(({ answer }) => answer).join()
    const expected = outcomes[state]
    const standing = `${stage}.${versionState}`
    return [
      ...(made === expected?.made ? [] : [`V4: a request that is ${state} has the decisions "${made}"`]),
      ...(expected?.standings.includes(standing) ? [] : [`V4: after ${state} its version is ${standing}`]),
      ...(status === 'passed' ? [] : [`V3: people were asked after a validation that was ${status}`]),
    ]
  })
}

// For policies with a quorum of one, under which every answer ends its request.
const outcomes: Partial<Record<string, { made: string; standings: string[] }>> = {
  pending: { made: '', standings: ['Staging.awaitingApproval'] },
  approved: { made: 'approve', standings: ['Production.live', 'Archived.retired'] },
  declined: { made: 'decline', standings: ['Staging.declined'] },
  stale: { made: '', standings: ['Staging.ready'] },
}

/** V9: each check was made in one validation, has one finding, and that is of the last attempt at it. */
async function checkFindings(db: Kysely<Database>): Promise<string[]> {
  const checks = await db
    .selectFrom('check_result as check')
    .innerJoin('command', 'command.id', 'check.command_id')
    .select(['command.model', 'command.status', 'command.attempt as last', 'check.attempt', 'verdict'])
    .execute()
  const validations = await db
    .selectFrom('validation')
    .select((of) => ['model_id', 'version', 'suite', of.fn.countAll<number>().as('count')])
    .groupBy(['model_id', 'version', 'suite'])
    .execute()
  return [
    ...checks
      .filter(
        ({ status, last, attempt, verdict }) => status !== 'done' || last !== attempt || verdict === null,
      )
      .map(
        ({ model, status, last, attempt, verdict }) =>
          `V9: a check of ${model} is ${status}: attempt ${attempt} of ${last} found ${verdict}`,
      ),
    ...validations
      .filter(({ count }) => Number(count) !== 1)
      .map(
        ({ model_id, version, suite, count }) =>
          `V9: ${count} × ${suite} of version ${version}, model ${model_id}`,
      ),
  ]
}

/** V12: a request that is open has one message, with buttons; one that has ended has it without, if it was posted. */
async function checkMessages(db: Kysely<Database>, sandbox: SlackSandbox): Promise<string[]> {
  const requests = await db.selectFrom('approval_request').select(['id', 'state', 'message']).execute()
  const messages = Map.groupBy(sandbox.messages(), ({ metadata }) => metadata?.event_payload.request_id)
  return requests.flatMap(({ id, state, message: noted }) => {
    const about = messages.get(id) ?? []
    const live = about.filter(({ blocks }) => blocks.some(({ type }) => type === 'actions'))
    const posted = state === 'pending' || noted !== null ? 1 : 0
    return [
      ...(about.length === posted
        ? []
        : [`V12: a request that is ${state} has ${about.length} messages, not ${posted}`]),
      ...(live.length === (state === 'pending' ? 1 : 0)
        ? []
        : [`V12: a request that is ${state} has ${live.length} messages with buttons`]),
      ...(about.some(({ ts }) => ts !== noted?.ts) ? ['V12: a request does not know its message'] : []),
    ]
  })
}
