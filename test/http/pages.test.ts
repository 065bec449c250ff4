import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { register } from '../../src/lifecycle.ts'
import { openQueues, type Queues } from '../../src/workers/queues.ts'
import { openTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { actor, lifecycleDeps, registerToApproval, registration, runChecks } from '../helpers/lifecycle.ts'
import { type AppFixture, giveToken, openApp } from './app-fixture.ts'

let fixture: AppFixture
let queues: Queues
let queueDatabase: TestDatabase
const evil = '<img src=x onerror=alert(1)>"\'&\u202e'
beforeAll(async () => {
  queueDatabase = await openTestDatabase()
  queues = await openQueues({ redisUrl: null, databaseUrl: queueDatabase.url, onError: () => {} })
  fixture = await openApp({ queues })
  const { db } = fixture.deps
  await registerToApproval(db, lifecycleDeps(), 'sales')
  await register(db, registration('sales'), actor('ci'), lifecycleDeps())
  await runChecks(db, lifecycleDeps(), 'failed')
  await register(db, registration(evil.replace('/', ''), { author: evil }), actor('ci'), lifecycleDeps())
})
afterAll(async () => {
  await fixture.close()
  await queues.close()
  await queueDatabase.close()
})

const get = (url: string) =>
  fixture.app.inject({ url, headers: { ...fixture.as('viewer'), accept: 'text/html' } })

describe('the board', () => {
  test('shows what is where: models, versions, verdicts, and what waits for people', async () => {
    const { body } = await get('/')
    expect(body).toContain('Waiting for approval')
    expect(body).toContain('<h2>sales</h2>')
    expect(body).toMatch(/awaiting approval[\s\S]*metrics/)
    expect(body).toMatch(/rejected[\s\S]*metrics failed/)
    expect(body).toContain('href="/queues"')
    expect(body).toContain('href="/docs"')
  })

  test('what people wrote is shown as text, whatever it is', async () => {
    const { body } = await get('/')
    expect(body).not.toContain('<img')
    expect(body).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;')
    expect(body).not.toContain('\u202e')
  })

  test('no script and no style can run but the page’s own', async () => {
    const policy = String((await get('/')).headers['content-security-policy'])
    expect(policy).toMatch(/script-src 'sha256-[\w+/]{43}='/)
    expect(policy).not.toContain('unsafe')
  })

  test('says how to begin while there is nothing', async () => {
    const empty = await openApp({ config: { auth: 'off' } })
    expect((await empty.app.inject('/')).body).toContain('greenroom register')
    await empty.close()
  })
})

describe('the queue dashboard', () => {
  test('shows the queues to viewers, and takes orders from admins only', async () => {
    const listed = await get('/queues/api/queues')
    expect(listed.json().queues.map((queue: { name: string }) => queue.name)).toContain('checks')
    const pause = (role: 'viewer' | 'admin') =>
      fixture.app.inject({ method: 'PUT', url: '/queues/api/queues/checks/pause', headers: fixture.as(role) })
    expect((await pause('viewer')).statusCode).toBe(403)
    expect((await pause('admin')).statusCode).toBe(200)
  })

  test('says no more than that the queue does not answer, when it does not', async () => {
    const gone = await openQueues({ redisUrl: null, databaseUrl: queueDatabase.url, onError: () => {} })
    const broken = await openApp({ queues: gone, limits: { dashboardMs: 300 } })
    await gone.close()
    const answer = await broken.app.inject({ url: '/queues/api/queues', headers: broken.as('viewer') })
    expect([answer.statusCode, answer.json().message]).toEqual([
      500,
      'The queue does not answer; try again shortly.',
    ])
    expect(answer.body).not.toMatch(/postgres|pool|stack/i)
    await broken.close()
  })
})

describe.skipIf(inject('available').chromium !== null)('in a browser', () => {
  let browser: Browser
  let url: string
  let page: Page
  const complaints: string[] = []
  beforeAll(async () => {
    url = await fixture.app.listen({ host: '127.0.0.1', port: 0 })
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
    page = await browser.newPage()
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
  })
  afterAll(() => browser.close())

  test('a stranger is led to the sign-in page, and back to where they wanted to go', async () => {
    await page.goto(`${url}/docs`)
    expect(page.url()).toContain('/sign-in?next=%2Fdocs')
    await page.fill('input[name=token]', 'wrong')
    await page.click('button')
    expect(await page.textContent('[role=alert]')).toContain('not valid')
    await page.fill('input[name=token]', await giveToken(fixture.deps, 'dora', ['admin']))
    await page.click('button')
    await page.waitForSelector('#operations-Models-get_api_v1_models, .opblock')
    expect(new URL(page.url()).pathname).toMatch(/^\/docs/)
  })

  test('the board refreshes itself', async () => {
    await page.goto(url)
    await register(fixture.deps.db, registration('brand-new'), actor('ci'), lifecycleDeps())
    await page.waitForSelector('h2:text("brand-new")', { timeout: 20_000 })
  })

  test('the queue dashboard works', async () => {
    await page.goto(`${url}/queues`)
    await page.waitForSelector('text=notifications')
  })

  test('signing out ends it', async () => {
    await page.goto(url)
    await page.click('text=Sign out')
    expect(page.url()).toContain('/sign-in')
    await page.goto(url)
    expect(page.url()).toContain('/sign-in')
  })

  test('nothing of ours was blocked by our own policy', () => {
    // The dashboard's fonts come from elsewhere, and are not let in; a wrong token is 401.
    const ours = complaints.filter((text) => !text.includes('fonts.googleapis.com') && !text.includes('401'))
    expect(ours).toEqual([])
  })
})
