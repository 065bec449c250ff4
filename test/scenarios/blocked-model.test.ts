import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { describe, expect, it, type TestContext } from 'vitest'
import type { Database } from '../../src/store/database.ts'
import { lockModel } from '../../src/store/models.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { type Edit, withOnePool, withoutLockTimeout } from '../helpers/broken-builds.ts'
import { openScene, type Scene } from '../helpers/scene.ts'

const timeout = 120_000
// Longer than a lease and the sweeper's pause after it, less than a statement may take.
const heldMs = 12_000
// Less than a pool lets somebody wait for a connection.
const promptMs = 4_000
// More of either than a pool has connections.
const crowd = 24

/** A check that goes on for longer than a lease without being prolonged. */
const slow = { model: 'smoke-1', source: 'spin.onnx', end: 'rejected' } as const

describe('while a process that hangs holds the lock of one model', () => {
  it('callers are known at once, other models are registered and checked, and all is done afterwards', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context, busy)
    expect(await blockOneModel(context, scene)).toEqual({ known: true, registered: true, attemptsAtSlow: 1 })
    await scene.settle(40_000)
    expect(await scene.violations()).toEqual([])
  })

  // How long an answer takes is measured above; these wait for answers that do not come.
  it.concurrent('nobody else is registered on a build that waits for locks without end', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context, busy)
    expect(await blockOneModel(context, scene, withoutLockTimeout)).toMatchObject({ registered: false })
  })

  it.concurrent('nobody is known, and leases run out, on a build with one pool for all that waits so', {
    timeout,
  }, async (context) => {
    const scene = await openScene(context, busy)
    const edits = [...withOnePool, ...withoutLockTimeout]
    expect(await blockOneModel(context, scene, edits)).toMatchObject({ known: false, attemptsAtSlow: 2 })
  })
})

const busy = { environment: { GREENROOM_AUTH: 'tokens', GREENROOM_CHECK_CONCURRENCY: `${crowd + 1}` } }

/** Has both the server and the workers crowd at one model's lock, and tells what became of everybody else. */
async function blockOneModel(context: TestContext, scene: Scene, edits?: Edit[]) {
  const { registrar, db } = scene
  const url = await (await scene.serve(edits)).ready
  const writeHot = () => Array.from({ length: crowd }, () => registrar.write({ model: 'hot' }))
  for (const entry of [registrar.write(slow), ...writeHot()]) await registrar.deliver(entry)
  const letGo = await holdModel(context, db, 'hot')
  await scene.work(edits)
  await scene.untilAtWork(slow.model)
  await scene.work() // its sweeper looks after whatever is not prolonged
  let isHeld = true
  const released = sleep(heldMs).then(() => {
    isHeld = false
    return letGo()
  })
  const waiting = writeHot().map((entry) => registrar.deliver(entry))
  await sleep(500)
  const registering = registrar.deliver(registrar.write()).then(() => isHeld)
  const asked = await Promise.all([0, 500, 1_000].map((ms) => sleep(ms).then(() => timed(ask(url)))))
  const registered = await registering
  await released
  await Promise.all(waiting)
  const attempts = await db.selectFrom('command').select('attempt').where('model', '=', slow.model).execute()
  return {
    known: asked.every(({ ms, answer }) => answer.status === 401 && ms < promptMs),
    registered,
    attemptsAtSlow: Math.max(...attempts.map(({ attempt }) => attempt)),
  }
}

/** Holds the lock of a model until it is told to let go, and no longer than the test. */
async function holdModel(
  { onTestFinished }: TestContext,
  db: Kysely<Database>,
  name: string,
): Promise<() => Promise<void>> {
  let isHeld = true
  const locked = Promise.withResolvers<void>()
  const holding = inTransaction(db, async (trx) => {
    await lockModel(trx, name)
    locked.resolve()
    // A transaction that does nothing at all is ended by the database.
    for (; isHeld; await sleep(500)) await lockModel(trx, name)
  })
  const letGo = () => {
    isHeld = false
    return holding
  }
  onTestFinished(letGo)
  await Promise.race([locked.promise, holding])
  return letGo
}

async function timed<T>(work: Promise<T>): Promise<{ ms: number; answer: T }> {
  const before = performance.now()
  const answer = await work
  return { ms: performance.now() - before, answer }
}

/** Asks with a token that nobody has, so that looking it up is all that there is to do. */
function ask(url: string | null): Promise<Response> {
  return fetch(`${url}/api/v1/models`, { headers: { authorization: `Bearer ${'nobodys-'.repeat(6)}` } })
}
