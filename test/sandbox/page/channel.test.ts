import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ada, bob, channel, openApp, openSandbox, question } from '../setting.ts'

test('a click from another site’s page is refused', async () => {
  const { sandbox, web } = await openSandbox()
  const app = await openApp(sandbox, async () => undefined)
  const { ts = '' } = await web.chat.postMessage({ channel, text: 'x', blocks: question as never })
  const body = JSON.stringify({ ts, actionId: 'approve', blockId: 'decide', userId: ada })
  const send = (headers: Record<string, string>) =>
    fetch(`${sandbox.url}/page/click`, { method: 'POST', headers, body })
  expect((await send({ 'content-type': 'text/plain' })).status).toBeGreaterThanOrEqual(400)
  const crossSite = { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' }
  expect((await send(crossSite)).status).toBe(403)
  expect(app.received).toEqual([])
  expect((await send({ 'content-type': 'application/json' })).status).toBe(200)
  expect(app.received).toHaveLength(1)
})

const missing = inject('available').chromium
describe.skipIf(missing !== null)('the channel in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })
  afterAll(() => browser?.close())

  /** The page, with everything the browser complained about. */
  async function openPage(url: string): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage()
    page.setDefaultTimeout(5000)
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(url)
    return { page, complaints }
  }

  test('follows posts and edits by itself, with no complaint from the browser', async () => {
    const { sandbox, web } = await openSandbox()
    const { page, complaints } = await openPage(sandbox.url)
    await page.waitForSelector('text=Nothing has been posted here yet.')
    const { ts = '' } = await web.chat.postMessage({ channel, text: 'Promote?', blocks: question as never })
    await page.waitForSelector('button:has-text("Approve")')
    await web.chat.update({ channel, ts, text: 'Approved by Ada' })
    await page.waitForSelector('text=Approved by Ada')
    expect(await page.locator('button:has-text("Approve")').count()).toBe(0)
    expect(await page.locator('.edited').count()).toBe(1)
    expect(complaints).toEqual([])
    await page.close()
  })

  test('shows markup that got through as Slack would, and HTML as text', async () => {
    const { sandbox, web } = await openSandbox()
    const evil = '<img src=x onerror=alert(1)>'
    await web.chat.postMessage({ channel, text: `<!channel> ${evil} <https://evil.example|Approve>` })
    const blocks = [{ type: 'header', text: { type: 'plain_text', text: `<!channel> ${evil}` } }]
    await web.chat.postMessage({ channel, text: 'x', blocks: blocks as never })
    const { page, complaints } = await openPage(sandbox.url)
    await page.waitForSelector('.header')
    expect(await page.locator('.mention.loud').allTextContents()).toEqual(['@channel'])
    expect(await page.locator('.message a').getAttribute('href')).toBe('https://evil.example')
    expect(await page.locator('.message img').count()).toBe(0)
    expect(await page.locator('.header').textContent()).toBe(`<!channel> ${evil}`)
    expect(complaints).toEqual([])
    await page.close()
  })

  test('shows a moment in the reader’s own time zone', async () => {
    const { sandbox, web } = await openSandbox()
    const date = { type: 'date', timestamp: 1_700_000_000, format: 'by {date_short_pretty} at {time}' }
    const elements = [{ type: 'rich_text_section', elements: [date] }]
    await web.chat.postMessage({ channel, text: 'x', blocks: [{ type: 'rich_text', elements }] as never })
    const page = await browser.newPage({ timezoneId: 'Asia/Tokyo', locale: 'en-GB' })
    await page.goto(sandbox.url)
    await page.waitForSelector('text=by 15 Nov 2023 at 07:13')
    await page.close()
  })

  test('shows an ephemeral message to its addressee only', async () => {
    const { sandbox, web } = await openSandbox()
    await web.chat.postMessage({ channel, text: 'For all' })
    await web.chat.postEphemeral({ channel, user: bob, text: 'You may not' })
    const { page } = await openPage(sandbox.url)
    await page.waitForSelector('text=For all')
    expect(await page.locator('text=You may not').count()).toBe(0)
    await page.selectOption('#people', bob)
    await page.waitForSelector('text=You may not')
    await page.waitForSelector('text=Only visible to Bob Kahn')
    await page.close()
  })

  test('clicks as the chosen person, through the question a button carries, and warns when that fails', async () => {
    const { sandbox, web } = await openSandbox()
    const confirm = {
      title: { type: 'plain_text', text: 'Promote?' },
      text: { type: 'plain_text', text: 'Version 1 is archived.' },
      confirm: { type: 'plain_text', text: 'Promote' },
      deny: { type: 'plain_text', text: 'Not yet' },
    }
    const button = {
      type: 'button',
      action_id: 'approve',
      text: { type: 'plain_text', text: 'Approve' },
      confirm,
    }
    const blocks = [{ type: 'actions', elements: [button] }]
    await web.chat.postMessage({ channel, text: 'x', blocks: blocks as never })
    await openApp(sandbox, async () => ({ status: 503 }))
    const { page } = await openPage(sandbox.url)
    await page.selectOption('#people', bob)
    await page.click('button:has-text("Approve")')
    await page.click('#question button:has-text("Not yet")')
    expect(sandbox.interactions()).toEqual([])
    await page.click('button:has-text("Approve")')
    await page.click('#question button:has-text("Promote")')
    await page.waitForSelector('text=Greenroom answered 503')
    await page.click('#drawer > summary')
    await page.waitForSelector('#log code:has-text("block_actions")')
    expect(sandbox.interactions()).toMatchObject([{ user: bob, ok: false }])
    await page.close()
  })

  test('shows a modal, keeps what was typed beside an error, and sends it off', async () => {
    const { sandbox, web } = await openSandbox()
    const view = {
      type: 'modal',
      title: { type: 'plain_text', text: 'Decline' },
      submit: { type: 'plain_text', text: 'Send' },
      blocks: [
        {
          type: 'input',
          block_id: 'reason',
          label: { type: 'plain_text', text: 'Reason' },
          element: { type: 'plain_text_input', action_id: 'text', multiline: true },
        },
      ],
    }
    const reasons: string[] = []
    await openApp(sandbox, async (payload) => {
      if (payload.type === 'block_actions') {
        await web.views.open({ trigger_id: payload.trigger_id, view: view as never })
        return undefined
      }
      const values = payload.view.state.values as { reason: { text: { value: string } } }
      reasons.push(values.reason.text.value)
      const tooShort = { response_action: 'errors', errors: { reason: 'Say more.' } }
      return reasons.length === 1 ? { body: tooShort } : undefined
    })
    await web.chat.postMessage({ channel, text: 'x', blocks: question as never })
    const { page, complaints } = await openPage(sandbox.url)
    await page.click('button:has-text("Decline")')
    await page.click('#modal button:has-text("Send")')
    await page.waitForSelector('text=Please complete this required field.')
    await page.fill('#modal textarea', 'no')
    await page.click('#modal button:has-text("Send")')
    await page.waitForSelector('text=Say more.')
    expect(await page.inputValue('#modal textarea')).toBe('no')
    await page.fill('#modal textarea', 'no, because it is slow')
    await page.click('#modal button:has-text("Send")')
    await page.waitForSelector('#modal', { state: 'hidden' })
    expect(reasons).toEqual(['no', 'no, because it is slow'])
    expect(complaints).toEqual([])
    await page.close()
  })
})
