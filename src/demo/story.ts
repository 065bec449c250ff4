import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { OperatorError } from '../errors.ts'
import type { SlackSandbox } from '../sandbox/slack.ts'
import { deliver } from './deliver.ts'
import type { HistoryRow, Narrator } from './narrator.ts'

/** Where the story plays. `sandbox` is null when a real Slack is asked: then a person has to click. */
export type Scene = {
  url: string
  secret: string
  folder: string
  sandbox: SlackSandbox | null
  narrate: Narrator
  /** Ends the story in its middle. */
  interruption: AbortSignal
}

/** How the story ended, as `npm run demo -- --once --json` prints it. */
export type Ending = {
  models: { name: string; versions: { version: number; stage: string; state: string }[] }[]
  events: number
}

const manifest = z.object({
  model: z.string(),
  versions: z.array(
    z.object({
      version: z.number(),
      file: z.string(),
      digest: z.string(),
      run_id: z.string(),
      metrics: z.record(z.string(), z.number()),
      description: z.string(),
      tags: z.record(z.string(), z.string()),
      author: z.string(),
    }),
  ),
})
type Version = z.infer<typeof manifest>['versions'][number]

const titles = [
  'Version 1 arrives: the first one ever',
  'Version 2 arrives: a better one',
  'Version 3 arrives: a worse one',
]
const approver = 'U0ALICE'
const busy = 503
const mostAgain = 20
// A sandbox answers at once; with a real Slack a person has to find the message.
const patienceMs = { sandbox: 60_000, person: 30 * 60_000 }

/**
 * Plays the whole lifecycle on the example model, and tells how it ended. Rejects when it is interrupted, and with an
 * OperatorError when a step does not happen.
 */
export async function playStory(scene: Scene): Promise<Ending> {
  const { model, versions } = manifest.parse(
    JSON.parse(await readFile(join(scene.folder, 'versions.json'), 'utf8')),
  )
  let told = 0
  for (const [index, version] of versions.entries()) {
    scene.narrate.title(titles[index] ?? `Version ${version.version} arrives`)
    await register(scene, model, version)
    told = await followVersion(scene, model, version.version, told)
  }
  return { models: [await standings(scene, model)], events: told }
}

async function register(scene: Scene, model: string, version: Version): Promise<void> {
  const { file, version: number, ...rest } = version
  const at = new Date()
  const { status, body, ms } = await deliver(scene.url, scene.secret, {
    type: 'model_version.registered',
    timestamp: new Date().toISOString(),
    data: { name: model, source: join(basename(scene.folder), file), ...rest },
  })
  const answer = z.object({ version: z.number(), stage: z.string(), state: z.string() }).safeParse(body)
  if (status !== 200 || !answer.success)
    throw new OperatorError(`The webhook was answered with ${status}: ${JSON.stringify(body)}`)
  if (answer.data.version !== number)
    throw new OperatorError(`Version ${number} was registered as ${answer.data.version}.`)
  scene.narrate.step(
    'webhook',
    `signed registration of version ${number}: ${status} in ${ms.toFixed(0)} ms, ${answer.data.stage} · ${answer.data.state}`,
    at,
  )
}

/** Tells what the history records until the version has come to rest; clicks Approve when it waits for people. */
async function followVersion(scene: Scene, model: string, version: number, told: number): Promise<number> {
  let seq = told
  let asked = false
  const until = Date.now() + (scene.sandbox === null ? patienceMs.person : patienceMs.sandbox)
  while (Date.now() < until) {
    for (const row of await historyAfter(scene, model, seq)) {
      scene.narrate.history(row)
      seq = row.seq
    }
    const { state } = await standingOf(scene, model, version)
    if (state === 'awaitingApproval') {
      if (!asked) asked = await ask(scene, version)
    } else if (
      !['validating', 'testing'].includes(state) &&
      (await historyAfter(scene, model, seq)).length === 0
    ) {
      return seq
    }
    await sleep(20, undefined, { signal: scene.interruption })
  }
  throw new OperatorError(
    `Version ${version} did not come to rest in time; LOG_LEVEL=info shows what holds it up.`,
  )
}

/** Tells whether the question needs no more of our clicks: one is not taken while the database is busy. */
async function ask(scene: Scene, version: number): Promise<boolean> {
  if (scene.sandbox === null) {
    scene.narrate.step('slack', `asked in Slack about version ${version}; click Approve there`)
    return true
  }
  const message = await findQuestion(scene, scene.sandbox)
  scene.narrate.step('slack', `“${message.text}”`)
  const at = new Date()
  const { status, ms } = await scene.sandbox.click({
    ts: message.ts,
    actionId: 'greenroom.approve',
    userId: approver,
  })
  scene.narrate.step('slack', `alice clicks Approve: ${status} in ${ms.toFixed(0)} ms`, at)
  if (status !== 200 && status !== busy) throw new OperatorError(`The click was answered with ${status}.`)
  return status === 200
}

/** Waits for the newest message that still has buttons. */
async function findQuestion({ interruption: signal }: Scene, sandbox: SlackSandbox) {
  for (let waited = 0; waited < 10_000; waited += 20) {
    const message = sandbox
      .messages()
      .findLast((posted) => posted.blocks.some((block) => block.type === 'actions'))
    if (message !== undefined) return message
    await sleep(20, undefined, { signal })
  }
  throw new OperatorError('No question was posted to Slack; LOG_LEVEL=info shows why.')
}

async function historyAfter(scene: Scene, model: string, seq: number): Promise<HistoryRow[]> {
  const { events } = await read<{ events: HistoryRow[] }>(scene, `models/${model}/history?after_seq=${seq}`)
  return events
}

function standingOf(scene: Scene, model: string, version: number): Promise<{ stage: string; state: string }> {
  return read(scene, `models/${model}/versions/${version}`)
}

async function standings(scene: Scene, model: string): Promise<Ending['models'][number]> {
  const { versions } = await read<Ending['models'][number]>(scene, `models/${model}`)
  const inOrder = versions.toSorted((a, b) => a.version - b.version)
  return { name: model, versions: inOrder.map(({ version, stage, state }) => ({ version, stage, state })) }
}

async function read<T>(scene: Scene, path: string): Promise<T> {
  const ask = () => fetch(`${scene.url}/api/v1/${path}`)
  let response = await ask()
  for (let again = 1; response.status === busy && again <= mostAgain; again++) {
    await sleep(500, undefined, { signal: scene.interruption })
    response = await ask()
  }
  if (!response.ok)
    throw new OperatorError(`GET ${path} was answered with ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
