// `npm run screenshots`: takes the README's pictures from a running demo (npm run demo, in another terminal).
// Registers one more version first, so that a question is open.
import { mkdir, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium } from 'playwright-core'

const greenroom = process.env.GREENROOM_URL ?? 'http://127.0.0.1:4100'
const sandbox = process.env.SANDBOX_URL ?? 'http://127.0.0.1:4101'
const folder = 'docs/images'
const pictures = [
  { file: 'slack.png', url: `${sandbox}/`, height: 900 },
  { file: 'board.png', url: `${greenroom}/`, height: 340 },
  { file: 'queues.png', url: `${greenroom}/queues/queue/checks`, height: 760 },
]
// For a machine without a desktop, and against what a browser asks the network for by itself.
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

await askOnceMore()
await mkdir(folder, { recursive: true })
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args })
try {
  for (const { file, url, height } of pictures) {
    const page = await browser.newPage({ viewport: { width: 1200, height } })
    await page.goto(url, { waitUntil: 'load' })
    await page.waitForTimeout(1_500) // the queue dashboard draws itself after loading
    await page.screenshot({ path: `${folder}/${file}` })
    await page.close()
    console.log(`${folder}/${file}`)
  }
} finally {
  await browser.close()
}

async function askOnceMore(): Promise<void> {
  const example = resolve(import.meta.dirname, '../examples/rossmann')
  const { model, versions } = JSON.parse(await readFile(`${example}/versions.json`, 'utf8'))
  const { file, version, ...facts } = versions[1]
  const body = { ...facts, source: `rossmann/${file}`, description: 'The same again, to be looked at.' }
  const base = `${greenroom}/api/v1/models/${model}/versions`
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(base, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok)
    throw new Error(`the demo did not take version ${version} again: ${await response.text()}`)
  const registered = (await response.json()) as { version: number }
  for (let waited = 0; waited < 30_000; waited += 250) {
    const standing = await (await fetch(`${base}/${registered.version}`)).json()
    if ((standing as { state: string }).state === 'awaitingApproval') return
    await sleep(250)
  }
  throw new Error('nobody was asked about the version')
}
