import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { register } from '../../src/lifecycle.ts'
import { openAwayDatabase } from '../helpers/database.ts'
import { actor, claimAll, lifecycleDeps, registerToApproval, registration } from '../helpers/lifecycle.ts'
import { type AppFixture, openApp } from './app-fixture.ts'

let fixture: AppFixture
beforeAll(async () => {
  fixture = await openApp()
})
afterAll(() => fixture.close())

async function ready(of: AppFixture = fixture) {
  const answer = await of.app.inject('/readyz')
  return { status: answer.statusCode, body: answer.json() }
}

describe('/readyz', () => {
  test('says of every part that it works', async () => {
    const { status, body } = await ready()
    expect(status).toBe(200)
    expect(body).toMatchObject({
      status: 'ok',
      database: { status: 'ok' },
      queue: { status: 'ok' },
      migrations: { status: 'ok' },
      ledger: { status: 'ok' },
    })
  })

  test('says which part is down, in time, and nothing about how it is reached; /healthz stays 200', async () => {
    const limits = {
      headersMs: 1_000,
      requestMs: 1_000,
      idleMs: 1_000,
      lookMs: 100,
      connections: 9,
      readyMs: 1_000,
    }
    const hanging = await openApp({ limits, queues: { all: [], ping: () => new Promise(() => {}) } })
    const began = performance.now()
    const { status, body } = await ready(hanging)
    expect(performance.now() - began).toBeLessThan(5_000)
    expect([status, body.status, body.database.status, body.queue.status]).toEqual([
      503,
      'failing',
      'ok',
      'failing',
    ])
    expect((await hanging.app.inject('/healthz')).json()).toEqual({ status: 'ok' })
    await hanging.close()
  })

  test('with the database away it says so within its bound', async () => {
    const db = openAwayDatabase()
    const away = await openApp({ db })
    const { status, body } = await ready(away)
    expect([
      status,
      body.database.status,
      body.migrations.status,
      body.ledger.status,
      body.queue.status,
    ]).toEqual([503, 'failing', 'failing', 'failing', 'ok'])
    expect(JSON.stringify(body)).not.toMatch(/hidden|127\.0\.0\.1|ECONNREFUSED/)
    await away.close()
    await db.destroy()
  })

  test('a database that lacks a migration, or has one too many, is not ready', async () => {
    const other = await openApp()
    await other.tamper('insert into greenroom_migration values ($1, $2)', ['9999-future', 'now'])
    expect((await ready(other)).body.migrations.detail).toContain('newer')
    await other.tamper('delete from greenroom_migration', [])
    expect(await ready(other)).toMatchObject({ status: 503, body: { migrations: { status: 'failing' } } })
    await other.close()
  })

  test('work that is due and that nobody does is a failing ledger, until somebody does it', async () => {
    const idle = await openApp()
    await register(idle.deps.db, registration('m'), actor('ci'), lifecycleDeps())
    expect((await ready(idle)).body.ledger.status).toBe('ok')
    await idle.tamper("update command set run_at = now() - interval '61 seconds'", [])
    expect((await ready(idle)).body.ledger).toMatchObject({
      status: 'failing',
      detail: expect.stringContaining('greenroom work'),
    })
    await claimAll(idle.deps.db)
    expect((await ready(idle)).body.ledger.status).toBe('ok')
    await idle.close()
  })
})

describe('/metrics', () => {
  const scrape = async (of: AppFixture = fixture) =>
    (await of.app.inject({ url: '/metrics', headers: of.as('viewer') })).body

  test('counts the ledger, the versions by stage and the requests that wait', async () => {
    await registerToApproval(fixture.deps.db, lifecycleDeps(), 'measured')
    const text = await scrape()
    expect(text).toContain('greenroom_model_versions{stage="Staging"} 1')
    expect(text).toContain('greenroom_pending_approvals 1')
    expect(text).toContain('greenroom_commands{queue="notifications",status="pending"} 2')
    expect(text).toContain('greenroom_database_up 1')
    expect(text).toContain('process_resident_memory_bytes')
  })

  test('times requests by their route’s pattern, never by what callers put into paths', async () => {
    await fixture.app.inject({ url: '/api/v1/models/a-very-secret-name', headers: fixture.as('viewer') })
    await fixture.app.inject({ url: '/nowhere/a-very-secret-name', headers: fixture.as('viewer') })
    const text = await scrape()
    expect(text).toContain(
      'greenroom_http_request_duration_seconds_count{method="GET",route="/api/v1/models/:name",status="404"} 1',
    )
    expect(text).toContain('route="none",status="404"} 1')
    expect(text).not.toContain('a-very-secret-name')
  })

  test('belong to one application and not to the process', async () => {
    const other = await openApp()
    expect(await scrape(other)).not.toContain('/api/v1/models/:name')
    await other.close()
  })

  test('are given with the database away, with that as a figure', async () => {
    const db = openAwayDatabase()
    const away = await openApp({ db, config: { auth: 'off' } })
    const answer = await away.app.inject('/metrics')
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toContain('greenroom_database_up 0')
    expect(answer.body).not.toContain('greenroom_pending_approvals 1')
    await away.close()
    await db.destroy()
  })
})

test('the log has one line per request, with the id that the answer carries and without its query', async () => {
  const answer = await fixture.app.inject({ url: '/api/v1/models?limit=7', headers: fixture.as('viewer') })
  const lines = fixture.logged().filter((line) => line.traceId === answer.headers['x-request-id'])
  expect(lines).toMatchObject([{ msg: 'request', method: 'GET', path: '/api/v1/models', status: 200 }])
  expect(JSON.stringify(lines)).not.toContain('limit')
})

test('what goes wrong on our side is one generic sentence, and the log has the rest', async () => {
  const broken = await openApp()
  await broken.tamper('drop table approval_request cascade', [])
  const answer = await broken.app.inject({ url: '/api/v1/approvals', headers: broken.as('viewer') })
  expect(answer.statusCode).toBe(500)
  expect(answer.json().error).toMatchObject({ code: 'internal', requestId: answer.headers['x-request-id'] })
  expect(answer.body).not.toMatch(/relation|approval_request|select/)
  expect(JSON.stringify(broken.logged())).toContain('approval_request')
  await broken.close()
})
