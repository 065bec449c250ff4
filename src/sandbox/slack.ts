// The Slack sandbox: a local stand-in for Slack that the demo and the tests run against. It speaks the Web API,
// refuses what Slack refuses, signs its interactions as Slack does, and shows the channel as a web page.
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { NotFoundError, OperatorError } from '../errors.ts'
import { createFaults, type FaultPlan } from './faults.ts'
import { type Click, click, requireUser } from './interactions/clicks.ts'
import { type Delivered, deliver, type Line, type RawRequest } from './interactions/delivery.ts'
import { type Submission, type Submitted, submitView } from './interactions/submissions.ts'
import { serveChannelPage } from './page/routes.ts'
import { serveResponseUrls } from './response-urls.ts'
import { serveWebApi } from './web-api.ts'
import {
  createWorkspace,
  findChannel,
  remember,
  type SandboxCall,
  type SandboxChannel,
  type SandboxEphemeral,
  type SandboxInteraction,
  type SandboxMessage,
  type SandboxUser,
  type SandboxView,
  type Workspace,
} from './workspace.ts'

/** What a sandbox is made of. */
export type SandboxOptions = {
  /** 0, the default, takes any free port. */
  port?: number
  signingSecret: string
  botToken: string
  /** Where the app takes interactions; may also be set later. */
  interactivityUrl?: string
  users: SandboxUser[]
  /** By default one channel, `#model-approvals`. */
  channels?: SandboxChannel[]
  now: () => number
  newId?: () => string
  /** Milliseconds of a clock that only measures; by default the process's own. */
  elapsed?: () => number
}

/** A running sandbox. Everything it returns is a copy: later changes do not show in it. */
export type SlackSandbox = {
  /** `http://127.0.0.1:<port>`: the page; the Web API is at `${url}/api/`. */
  url: string
  channels: SandboxChannel[]
  setInteractivityUrl(url: string): void
  /** What stands in the channels now, oldest first; with `channel` (id or name) only what stands there. */
  messages(channel?: string): SandboxMessage[]
  ephemerals(): SandboxEphemeral[]
  calls(): SandboxCall[]
  /** The modals that are open now; of one person's, the last is on top. */
  views(): SandboxView[]
  interactions(): SandboxInteraction[]
  /** @throws NotFoundError, InvalidInputError when this person sees no such button now. */
  click(given: Click): Promise<Delivered>
  /** @throws NotFoundError when this person has no such modal open. */
  submitView(given: Submission): Promise<Submitted>
  /** Sends the very same bytes and headers once more. */
  replay(raw: RawRequest): Promise<Delivered>
  /**
   * A person writes a message, which the app may read but not change.
   * @throws NotFoundError when there is no such person or channel.
   */
  say(given: { userId: string; text: string; channel?: string }): SandboxMessage
  fail(plan: FaultPlan): void
  close(): Promise<void>
}

const defaultChannels = [{ id: 'C0APPROVALS', name: 'model-approvals' }]

/**
 * Starts a sandbox on the loopback address; all its state is in memory and ends with it.
 * @throws OperatorError when the port is taken.
 */
export async function startSlackSandbox(options: SandboxOptions): Promise<SlackSandbox> {
  const { now, users, newId = randomUUID, channels = defaultChannels } = options
  const workspace = createWorkspace({ now, users, newId, channels })
  const faults = createFaults()
  const line: Line = {
    url: options.interactivityUrl ?? null,
    signingSecret: options.signingSecret,
    elapsed: options.elapsed ?? (() => performance.now()),
  }
  let url = ''
  const app = fastify({ forceCloseConnections: true })
  refuseForeignHosts(app)
  app.register(async (scope) => serveWebApi(scope, workspace, options.botToken, faults))
  app.register(async (scope) => serveResponseUrls(scope, workspace))
  app.register((scope) => serveChannelPage(scope, workspace, line, () => url))
  url = await listen(app, options.port ?? 0)

  return {
    url,
    channels: structuredClone(channels),
    setInteractivityUrl: (target) => {
      line.url = target
    },
    messages: (channel) => {
      const id = channel === undefined ? null : findChannel(workspace, channel)?.id
      return structuredClone(workspace.messages.filter((one) => id === null || one.channel === id))
    },
    ephemerals: () => structuredClone(workspace.ephemerals),
    calls: () => structuredClone(workspace.calls),
    views: () => structuredClone(workspace.views),
    interactions: () => structuredClone(workspace.interactions),
    click: (given) => click(workspace, line, url, given),
    submitView: (given) => submitView(workspace, line, given),
    replay: (raw) => deliver(workspace, line, raw, { type: 'replay', user: '', target: '' }),
    say: (given) => say(workspace, given),
    fail: faults.plan,
    close: () => app.close(),
  }
}

function say(
  workspace: Workspace,
  given: { userId: string; text: string; channel?: string },
): SandboxMessage {
  const user = requireUser(workspace, given.userId).id
  const channel = given.channel === undefined ? workspace.channels[0] : findChannel(workspace, given.channel)
  if (!channel) throw new NotFoundError(`The Slack sandbox has no channel ${given.channel ?? 'at all'}.`)
  const ts = workspace.newTs()
  const message = { channel: channel.id, ts, user, text: given.text, blocks: [], edited: false }
  remember(workspace, workspace.messages, message)
  return structuredClone(message)
}

/** Another site's page may reach this port through a name of its own; it must not get to click. */
function refuseForeignHosts(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? '')) {
      return reply.code(421).send({ message: 'The Slack sandbox answers on the loopback address only.' })
    }
  })
}

async function listen(app: FastifyInstance, port: number): Promise<string> {
  try {
    await app.listen({ host: '127.0.0.1', port })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new OperatorError(
        `Port ${port} is taken: choose another one for the Slack sandbox, or 0 for any.`,
      )
    }
    throw error
  }
  const { port: bound } = app.server.address() as AddressInfo
  return `http://127.0.0.1:${bound}`
}
