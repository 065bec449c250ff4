// Connections whose statements do not wait for each other. Kysely's own transactions let one statement at a time
// through; what is asked for at once here is sent at once, in that order, and mostly in one message.
import {
  AbortedTransactionError,
  CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresDialect,
  type QueryExecutor,
  Transaction,
} from 'kysely'
import type { Database } from './schema.ts'

/**
 * Runs `work` in a transaction and commits it. When `work` or one of its statements fails, it is undone, and this
 * rejects with what failed first.
 */
export function inTransaction<T>(
  db: Kysely<Database>,
  work: (trx: Transaction<Database>) => Promise<T>,
): Promise<T> {
  if (db.isTransaction) throw new Error('a transaction cannot be opened inside another one')
  return lend(db, async (connection, executor) => {
    const trx = new Transaction<Database>({ ...neverUsed, executor })
    const send = (text: string) => connection.executeQuery<{ command: string }>(CompiledQuery.raw(text))
    const left: Left = { statements: [], failed: [] }
    leftOf.set(trx, left)
    leaveToCommit(trx, send('begin'))
    try {
      const result = await work(trx)
      await untilSent()
      leftOf.delete(trx)
      if (left.failed.length > 0) throw left.failed[0]
      const [end] = await Promise.all([send('commit'), ...left.statements])
      // After a statement that failed, PostgreSQL takes a commit for a rollback.
      if (end.rows[0]?.command === 'ROLLBACK') throw new AbortedTransactionError()
      return result
    } catch (error) {
      leftOf.delete(trx)
      await send('rollback').catch(() => {}) // where the connection is lost, so is the transaction
      const answers = await Promise.allSettled(left.statements)
      throw answers.find((answer) => answer.status === 'rejected')?.reason ?? error
    }
  })
}

/**
 * Leaves statements that have been sent to the commit, which follows them without delay and waits for their answers.
 * For those whose answers nobody needs: whoever must decide by one has to wait for it.
 */
export function leaveToCommit(trx: Transaction<Database>, ...statements: Promise<unknown>[]): void {
  const left = leftOf.get(trx)
  for (const statement of statements) {
    statement.catch((error: unknown) => left?.failed.push(error)) // the commit tells
    if (left === undefined) throw new Error('nothing can be left to a commit that is under way')
    left.statements.push(statement)
  }
}

type Left = { statements: Promise<unknown>[]; failed: unknown[] }

const leftOf = new WeakMap<Transaction<Database>, Left>()

/**
 * Waits until what was asked for has either been sent or failed before that, with which the commit must not happen:
 * PostgreSQL knows nothing of a statement that it never got. What is sent meanwhile still leaves in the same message.
 */
function untilSent(): Promise<void> {
  return new Promise((done) => process.nextTick(done))
}

type Lease = { db: Promise<Kysely<Database>>; readers: number; giveBack: () => void }

/**
 * Has reads that take a moment share one connection while there are any: those asked for at once cost one message to
 * the database instead of one each. A read that may take long would hold up the others.
 */
export async function onSharedConnection<T>(
  db: Kysely<Database>,
  read: (db: Kysely<Database>) => Promise<T>,
): Promise<T> {
  const lease = leases.get(db) ?? openLease(db)
  const lendNoMore = () => leases.get(db) === lease && leases.delete(db)
  lease.readers += 1
  try {
    return await read(await lease.db)
  } catch (error) {
    lendNoMore() // its connection may be lost
    throw error
  } finally {
    lease.readers -= 1
    if (lease.readers === 0) {
      lendNoMore()
      lease.giveBack()
    }
  }
}

const leases = new WeakMap<Kysely<Database>, Lease>()

function openLease(db: Kysely<Database>): Lease {
  const opened = Promise.withResolvers<Kysely<Database>>()
  const ended = Promise.withResolvers<void>()
  const lent = lend(db, (_, executor) => {
    opened.resolve(new Kysely<Database>({ ...neverUsed, executor }))
    return ended.promise
  })
  lent.catch(opened.reject)
  const lease = { db: opened.promise, readers: 0, giveBack: ended.resolve }
  leases.set(db, lease)
  return lease
}

// What is bound to a connection opens none, so that only the types ask for these.
const dialect = new PostgresDialect({ pool: () => Promise.reject(new Error('there is no pool here')) })
const neverUsed = { config: { dialect }, dialect, driver: new DummyDriver() }

/** Lends a connection, and an executor that gives it to every statement at once until `work` has ended. */
function lend<T>(
  db: Kysely<Database>,
  work: (connection: DatabaseConnection, executor: QueryExecutor) => Promise<T>,
): Promise<T> {
  const executor = db.getExecutor()
  return executor.provideConnection(async (connection) => {
    let isOurs = true
    const provider = {
      provideConnection: async <R>(use: (connection: DatabaseConnection) => Promise<R>) => {
        if (!isOurs) throw new Error('a statement was asked for after the connection had been given back')
        return use(connection)
      },
    }
    try {
      return await work(connection, executor.withConnectionProvider(provider))
    } finally {
      isOurs = false
    }
  })
}
