// The ledger of commands. SQL owns what is to be done; the queue only carries ids and may lose them all.
//
// Invariants:
//   C1. A command is appended in the transaction that implies it, or not at all.
//   C2. Every dispatch raises `attempt`; only the attempt that claimed a command may write its end (V9).
//   C3. Leases are reckoned by the database's clock alone.
//   C4. A command that is due and held by nobody is dispatched again, without anybody's help (L2, L4).
import { type Kysely, type QueryCreator, type Selectable, sql, type Transaction } from 'kysely'
import { LostLeaseError } from '../errors.ts'
import { fromNow } from './clock.ts'
import { type Database, json } from './database.ts'
import { prepared } from './prepared.ts'
import type { CommandStatus, CommandTable } from './schema.ts'

/** Everything that may be asked of the world, by kind. */
export type CommandPayloads = {
  runCheck: { validationId: string; position: number }
  readDataset: { runId: string } | { modelId: string }
  postRequest: { requestId: string }
  updateRequest: { requestId: string }
  expireRequest: { requestId: string }
  replyPrivately: { channel: string; user: string; text: string }
  deliverWebhook: { deliveryId: string }
}
export type CommandKind = keyof CommandPayloads

/** The queue that carries each kind. */
export const queueOf = {
  runCheck: 'checks',
  // A tracking server that says nothing must hold up neither checks nor what people or receivers are told.
  readDataset: 'lookups',
  postRequest: 'notifications',
  updateRequest: 'notifications',
  expireRequest: 'notifications',
  replyPrivately: 'notifications',
  deliverWebhook: 'deliveries',
} as const satisfies Record<CommandKind, string>
export type QueueName = (typeof queueOf)[CommandKind]

/** The version that a command is about; what others are told of may be about a model as a whole. */
type VersionOf<K extends CommandKind> = K extends 'deliverWebhook' ? number | null : number

/** A command to append. `runAt` defers it; without it it is due at once. */
export type NewCommand = {
  [K in CommandKind]: {
    id: string
    kind: K
    payload: CommandPayloads[K]
    model: string
    version: VersionOf<K>
    traceId: string
    runAt?: Date
  }
}[CommandKind]

/** A command as claimed by one attempt, its payload typed by its kind. */
export type ClaimedCommand = {
  [K in CommandKind]: {
    id: string
    kind: K
    payload: CommandPayloads[K]
    model: string
    version: VersionOf<K>
    traceId: string
    attempt: number
    failures: number
    createdAt: Date
  }
}[CommandKind]

/** Identifies one attempt at one command; what the fence compares (C2). */
export type Attempt = { id: string; attempt: number }

/** The channel on which an append wakes the dispatcher. */
export const wakeChannel = 'greenroom_command'

/** Appends commands to the ledger (C1) and wakes the dispatcher when the transaction commits. */
export async function appendCommands(trx: Transaction<Database>, commands: NewCommand[]): Promise<void> {
  if (commands.length > 0) await insertCommands(trx, commands).execute()
}

/** {@link appendCommands} as a part of another statement; there must be some. */
export function insertCommands(db: QueryCreator<Database>, commands: NewCommand[]) {
  return db
    .insertInto('command')
    .values(
      commands.map((command) => ({
        id: command.id,
        kind: command.kind,
        queue: queueOf[command.kind],
        payload: json(command.payload),
        model: command.model,
        version: command.version,
        trace_id: command.traceId,
        ...(command.runAt === undefined ? {} : { run_at: command.runAt }),
      })),
    )
    .returning(sql`pg_notify(${wakeChannel}, '')`.as('woken'))
}

/** What the dispatcher hands to a queue. */
export type Dispatched = Attempt & { kind: string; queue: string; model: string; version: number | null }

/** Takes up to `limit` due commands for dispatch: raises their attempt and gives them a queue lease. */
export async function takeDue(db: Kysely<Database>, limit: number, leaseMs: number): Promise<Dispatched[]> {
  const due = db
    .selectFrom('command')
    .select('id')
    .where('status', '=', sql.lit('pending'))
    .where('run_at', '<=', sql<Date>`clock_timestamp()`)
    .orderBy('run_at')
    .limit(limit)
    .forUpdate()
    .skipLocked()
  return db
    .updateTable('command')
    .set({ status: 'queued', attempt: sql<number>`attempt + 1`, lease_until: fromNow(leaseMs) }) // C3
    .where('id', 'in', due)
    .returning(['id', 'attempt', 'kind', 'queue', 'model', 'version'])
    .execute()
}

/** Milliseconds until the next pending command is due; null when none is pending, 0 when one is overdue. */
export async function untilNextDue(db: Kysely<Database>): Promise<number | null> {
  const row = await db
    .selectFrom('command')
    .select(sql<number | null>`extract(epoch from min(run_at) - clock_timestamp())::float8 * 1000`.as('ms'))
    .where('status', '=', sql.lit('pending'))
    .executeTakeFirstOrThrow()
  return row.ms === null ? null : Math.max(0, row.ms)
}

/** Claims a queued command for this attempt; undefined when another attempt, or a cancellation, was first (C2). */
export async function claimCommand(
  db: Kysely<Database>,
  attempt: Attempt,
  leaseMs: number,
): Promise<ClaimedCommand | undefined> {
  const { rows } = await claimQueued(db, { ...attempt, leaseMs })
  return rows[0] && asClaimed(rows[0])
}

const claimQueued = prepared((db, claim: Attempt & { leaseMs: number }) =>
  whereAttempt(db.updateTable('command'), claim)
    .where('status', '=', 'queued')
    .set({ status: 'running', lease_until: fromNow(claim.leaseMs) }) // C3
    .returningAll(),
)

/** Prolongs the lease of a running attempt; false when it has lost it. */
export async function renewLease(db: Kysely<Database>, attempt: Attempt, leaseMs: number): Promise<boolean> {
  const result = await whereAttempt(db.updateTable('command'), attempt)
    .where('status', '=', 'running')
    .set({ lease_until: fromNow(leaseMs) }) // C3
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Ends a command as done. Throws LostLeaseError, which undoes the transaction, when the attempt is no longer the one (C2). */
export async function finishCommand(trx: Transaction<Database>, attempt: Attempt): Promise<void> {
  const { numAffectedRows } = await finishRunning(trx, attempt)
  if (numAffectedRows !== 1n) throw overtaken(attempt)
}

const finishRunning = prepared(updateFinished)

/** Why an attempt has no effect: another one, or a cancellation, was first. *Pure.* */
export function overtaken({ id, attempt }: Attempt): LostLeaseError {
  return new LostLeaseError(`attempt ${attempt} of command ${id} was overtaken`)
}

/** {@link finishCommand} as a part of another statement: updates no row when the attempt is no longer the one. */
export function updateFinished(db: QueryCreator<Database>, attempt: Attempt) {
  return whereAttempt(db.updateTable('command'), attempt)
    .where('status', '=', 'running')
    .set({ status: 'done', lease_until: null, last_error: null, finished_at: sql<Date>`clock_timestamp()` })
}

/** Puts a running command back to be tried again after `delayMs`; false when the attempt was overtaken. */
export async function retryCommand(
  db: Kysely<Database>,
  attempt: Attempt,
  error: string,
  delayMs: number,
): Promise<boolean> {
  const result = await whereAttempt(db.updateTable('command'), attempt)
    .where('status', '=', 'running')
    .set({
      status: 'pending',
      lease_until: null,
      failures: sql<number>`failures + 1`,
      last_error: error,
      run_at: fromNow(delayMs),
    })
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Gives up on a running command; it stays in the ledger as dead. */
export async function buryCommand(trx: Kysely<Database>, attempt: Attempt, error: string): Promise<boolean> {
  const result = await whereAttempt(trx.updateTable('command'), attempt)
    .where('status', '=', 'running')
    .set({
      status: 'dead',
      lease_until: null,
      failures: sql<number>`failures + 1`,
      last_error: error,
      finished_at: sql`clock_timestamp()`,
    })
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Puts a running command back, due in `delayMs`; not counted as a failure. */
export async function giveBack(db: Kysely<Database>, attempt: Attempt, delayMs = 0): Promise<void> {
  await whereAttempt(db.updateTable('command'), attempt)
    .where('status', '=', 'running')
    .set({ status: 'pending', lease_until: null, run_at: fromNow(delayMs) })
    .execute()
}

/** Tells whether a rewrite of a request's message is to come that no worker has begun. */
export async function isRewriteWaiting(db: Kysely<Database>, requestId: string): Promise<boolean> {
  const row = await db
    .selectFrom('command')
    .select('id')
    .where('queue', '=', queueOf.updateRequest)
    .where(isIn('pending', 'queued'))
    .where('kind', '=', 'updateRequest')
    .where(sql<string>`payload ->> 'requestId'`, '=', requestId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** How many commands stand where, for the metrics and the readiness check. */
export function countCommands(
  db: Kysely<Database>,
): Promise<{ queue: string; status: string; count: number }[]> {
  return db
    .selectFrom('command')
    .select(['queue', 'status', sql<number>`count(*)::int`.as('count')])
    .where(isIn('pending', 'queued', 'running', 'dead'))
    .groupBy(['queue', 'status'])
    .execute()
}

function whereAttempt<
  Q extends {
    where(column: 'id', op: '=', value: string): Q & { where(column: 'attempt', op: '=', value: number): Q }
  },
>(query: Q, attempt: Attempt): Q {
  return query.where('id', '=', attempt.id).where('attempt', '=', attempt.attempt)
}

/** The condition of being in one of these states, written out, so that a partial index over them is found. *Pure.* */
export function isIn(...statuses: CommandStatus[]) {
  return sql<boolean>`status in (${sql.join(statuses.map((status) => sql.lit(status)))})`
}

// The ledger's rows are written by appendCommands alone, which holds kind and payload together.
function asClaimed(row: Selectable<CommandTable>): ClaimedCommand {
  const {
    id,
    kind,
    payload,
    model,
    version,
    attempt,
    failures,
    trace_id: traceId,
    created_at: createdAt,
  } = row
  return { id, kind, payload, model, version, traceId, attempt, failures, createdAt } as ClaimedCommand
}
