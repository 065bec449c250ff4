// `npm run demo`: the whole lifecycle on a real model, in a database of its own; then it stays up to be looked at.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { type Environment, givenVariables, loadConfig } from '../config.ts'
import { OperatorError } from '../errors.ts'
import { makeLog } from '../log.ts'
import { start } from '../main.ts'
import { type SlackSandbox, startSlackSandbox } from '../sandbox/slack.ts'
import { startEmbeddedPostgres } from '../store/embedded.ts'
import { demoDatabase, dropEarlierDemos } from './leftovers.ts'
import { narrator } from './narrator.ts'
import { type Ending, playStory } from './story.ts'

const root = resolve(import.meta.dirname, '../..')
const sandboxPort = 4101
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof signals)[number]

type Wish = { once: boolean; json: boolean }

/** Gives the exit code. */
async function main(wish: Wish): Promise<number> {
  const started = new Date()
  const interruption = listen()
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  const onClose = (closer: () => Promise<void>) => {
    closers.push(closer)
    interruption.throwIfAborted()
  }
  try {
    const { url, sandbox, ending } = await play(started, onClose, interruption)
    const ms = Date.now() - started.getTime()
    console.log(`\nDone in ${(ms / 1_000).toFixed(1)} s: ${describe(ending)}.`)
    if (!wish.once) {
      console.log(invitation(url, sandbox))
      if (!interruption.aborted) await once(interruption, 'abort')
      console.log('Stopping.')
    }
    await close()
    if (wish.json) console.log(JSON.stringify({ ...ending, ms }))
    return 0
  } catch (error) {
    await close()
    // Whatever a step met with after that, it was told to stop.
    if (interruption.aborted) return 128 + constants.signals[interruption.reason as Signal]
    throw error
  }
}

/** Aborted, with its name, by the first signal; the second one ends the process at once. */
function listen(): AbortSignal {
  const interruption = new AbortController()
  for (const signal of signals) process.once(signal, () => interruption.abort(signal))
  return interruption.signal
}

/** Null, once it has said how to call it, for arguments that there are not. */
function readWish(): Wish | null {
  try {
    const options = {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    } as const
    return parseArgs({ options }).values
  } catch (error) {
    const [what] = error instanceof Error ? error.message.split('. ') : []
    console.error(`${what}. Usage: npm run demo -- [--once] [--json]`)
    return null
  }
}

async function play(
  started: Date,
  onClose: (closer: () => Promise<void>) => void,
  interruption: AbortSignal,
) {
  const given = givenVariables(process.env)
  const narrate = narrator(console.log, () => new Date(), started)
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const home = resolve(given.GREENROOM_HOME ?? join(root, '.greenroom'))
  const postgres = await startEmbeddedPostgres({
    home,
    database: `${demoDatabase}${started.getTime()}`,
    log: () => {},
  })
  onClose(() => postgres.stop())
  await dropEarlierDemos(postgres.url)
  narrate.step('database', `embedded PostgreSQL, ready after ${Date.now() - started.getTime()} ms`)

  const realSlack = given.SLACK_BOT_TOKEN !== undefined && given.SLACK_SIGNING_SECRET !== undefined
  const sandbox = realSlack ? null : await openSandbox()
  if (sandbox !== null) onClose(() => sandbox.sandbox.close())
  const environment = {
    ...given,
    ...sandbox?.environment,
    DATABASE_URL: postgres.url,
    GREENROOM_HOME: home,
    GREENROOM_POLICY: join(root, 'greenroom.yaml'),
    GREENROOM_ARTIFACT_ROOTS: join(root, 'examples'),
    GREENROOM_AUTH: 'off',
    REGISTRATION_WEBHOOK_SECRET: secret,
  }
  const running = await startOnSomePort(environment)
  onClose(() => running.close())
  sandbox?.sandbox.setInteractivityUrl(`${running.url}/slack/interactions`)
  narrate.step(
    'greenroom',
    `server and workers at ${running.url}, queues on ${given.REDIS_URL === undefined ? 'PostgreSQL' : 'Redis'}`,
  )
  const folder = join(root, 'examples/rossmann')
  const ending = await playStory({
    url: running.url,
    secret,
    folder,
    sandbox: sandbox?.sandbox ?? null,
    narrate,
    interruption,
  })
  return { url: running.url, sandbox: sandbox?.sandbox ?? null, ending }
}

/** Starts everything on the configured port, or on a free one when that is taken. */
async function startOnSomePort(environment: Environment): Promise<{ url: string; close(): Promise<void> }> {
  const startWith = async (env: Environment) => {
    const config = loadConfig(env, root)
    if (config.redisUrl !== null) await requireRedis(config.redisUrl)
    const log = makeLog(env.LOG_LEVEL ?? 'error')
    const { url, close } = await start(config, { serve: true, work: true }, { log, print: console.log })
    if (url === null) throw new Error('the server did not listen')
    return { url, close }
  }
  try {
    return await startWith(environment)
  } catch (error) {
    if (
      environment.PORT !== undefined ||
      !(error instanceof OperatorError) ||
      !/^Port \d+ is taken/.test(error.message)
    )
      throw error
    return startWith({ ...environment, PORT: '0' })
  }
}

/** Greenroom itself waits for a Redis that is away; the story would stand still meanwhile. */
async function requireRedis(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 3_000, retryStrategy: () => null })
  let reason = ''
  redis.on('error', (error: Error) => {
    reason = error.message
  })
  try {
    await redis.connect()
  } catch (error) {
    throw new OperatorError(
      `Redis does not answer at REDIS_URL: ${reason || error}. Start it, or leave REDIS_URL unset for queues on PostgreSQL.`,
    )
  } finally {
    redis.disconnect()
  }
}

async function openSandbox(): Promise<{ sandbox: SlackSandbox; environment: Environment }> {
  const signingSecret = randomBytes(16).toString('hex')
  const botToken = `xoxb-${randomBytes(16).toString('hex')}`
  const options = {
    signingSecret,
    botToken,
    users: [
      { id: 'U0ALICE', name: 'alice', realName: 'Alice' },
      { id: 'U0BOB', name: 'bob', realName: 'Bob' },
      { id: 'U0CAROL', name: 'carol', realName: 'Carol' },
    ],
    now: Date.now,
  }
  const sandbox = await startSlackSandbox({ ...options, port: sandboxPort }).catch((error: unknown) => {
    if (error instanceof OperatorError) return startSlackSandbox(options) // the port is taken; any other will do
    throw error
  })
  return {
    sandbox,
    environment: {
      SLACK_BOT_TOKEN: botToken,
      SLACK_SIGNING_SECRET: signingSecret,
      SLACK_CHANNEL: sandbox.channels[0]?.id,
      SLACK_API_URL: `${sandbox.url}/api`,
    },
  }
}

function describe(ending: Ending): string {
  const versions = ending.models.flatMap((model) => model.versions)
  return versions.map(({ version, stage, state }) => `version ${version} in ${stage} (${state})`).join(', ')
}

function invitation(url: string, sandbox: SlackSandbox | null): string {
  return [
    '',
    `  Board            ${url}/`,
    `  Queue dashboard  ${url}/queues`,
    ...(sandbox === null ? [] : [`  Slack sandbox    ${sandbox.url}/`]),
    '',
    'Sign-in is off here, because the demo listens on this machine only. Press Ctrl-C to stop.',
  ].join('\n')
}

const wish = readWish()
process.exitCode = wish === null ? 2 : await main(wish).catch(explain)

function explain(error: unknown): number {
  console.error(error instanceof OperatorError ? error.message : error)
  return 1
}
