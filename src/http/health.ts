import type { FastifyInstance } from 'fastify'
import { migrations } from '../store/migrations/index.ts'
import { listAppliedMigrations, readLedgerProgress } from '../store/reads.ts'
import type { AppDeps } from './deps.ts'

/** One part of the whole: whether it works, in one sentence that may be shown to anybody. */
export type PartHealth = { status: 'ok' | 'failing'; detail: string }

const patienceMs = 60_000

/** Adds `/healthz`, which says that the process answers, and `/readyz`, which says what it can do. */
export async function healthRoutes(
  app: FastifyInstance,
  { deps, boundMs }: { deps: AppDeps; boundMs: number },
): Promise<void> {
  let running: Promise<Record<string, PartHealth>> | null = null
  // Anybody may ask, so askers at the same time share one look.
  const look = () => {
    running ??= lookAtParts(deps, boundMs).finally(() => {
      running = null
    })
    return running
  }
  app.get('/healthz', { config: { access: 'public' } }, async () => ({
    status: 'ok',
  }))
  app.get('/readyz', { config: { access: 'public' } }, async (_, reply) => {
    const parts = await look()
    const failing = Object.values(parts).some((part) => part.status === 'failing')
    return reply.code(failing ? 503 : 200).send({ status: failing ? 'failing' : 'ok', ...parts })
  })
}

async function lookAtParts(deps: AppDeps, boundMs: number): Promise<Record<string, PartHealth>> {
  const look = async (check: () => Promise<PartHealth>, unknown: string): Promise<PartHealth> => {
    try {
      return await withinMs(boundMs, check())
    } catch (error) {
      deps.log.warn({ err: error }, unknown)
      return failing(unknown)
    }
  }
  const [database, queue, schema, ledger] = await Promise.all([
    look(async () => {
      await listAppliedMigrations(deps.reserved)
      return ok('The database answers.')
    }, 'The database does not answer.'),
    look(async () => {
      await deps.queues.ping()
      return ok('The queue answers.')
    }, 'The queue does not answer; work waits in the ledger until it does.'),
    look(() => checkMigrations(deps), 'It is unknown which migrations the database has.'),
    look(() => checkLedger(deps), 'It is unknown whether work is being done.'),
  ])
  return { database, queue, migrations: schema, ledger }
}

async function checkMigrations(deps: AppDeps): Promise<PartHealth> {
  const applied = await listAppliedMigrations(deps.reserved)
  const known = Object.keys(migrations)
  if (applied.some((name) => !known.includes(name)))
    return failing('The database is newer than this program; start the newer program.')
  return known.every((name) => applied.includes(name))
    ? ok('The database has all migrations.')
    : failing('The database lacks migrations; run `greenroom migrate`.')
}

async function checkLedger(deps: AppDeps): Promise<PartHealth> {
  const { overdue, moving } = await readLedgerProgress(deps.reserved, patienceMs)
  if (overdue === 0 || moving) return ok('Work is being done as it falls due.')
  return failing(
    `${overdue} commands have been due for over ${patienceMs / 1000} s and none is being worked on; is a worker running (\`greenroom work\`)?`,
  )
}

const ok = (detail: string): PartHealth => ({ status: 'ok', detail })
const failing = (detail: string): PartHealth => ({ status: 'failing', detail })

async function withinMs<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
