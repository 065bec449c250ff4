import { WebClient } from '@slack/web-api'
import { afterEach } from 'vitest'
import { type SandboxOptions, type SlackSandbox, startSlackSandbox } from '../../src/sandbox/slack.ts'
import { type Handler, signingSecret, startApp } from './app.ts'

export const channel = 'C0APPROVALS'
export const botToken = 'xoxb-of-the-sandbox'
export const ada = 'U0ADA'
export const bob = 'U0BOB'
export const startedAt = Date.UTC(2026, 0, 2, 3, 4, 5)

const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** A sandbox with two people and a clock that the test moves; closed after the test. */
export async function openSandbox(changes: Partial<SandboxOptions> = {}) {
  const clock = { now: startedAt }
  const sandbox = await startSlackSandbox({
    signingSecret,
    botToken,
    now: () => clock.now,
    users: [
      { id: ada, name: 'ada', realName: 'Ada Lovelace', email: 'ada@example.com' },
      { id: bob, name: 'bob', realName: 'Bob Kahn' },
    ],
    ...changes,
  })
  opened.push(sandbox.close)
  return { sandbox, web: openClient(sandbox), clock }
}

/** The real client, with its own retries off so that every call is one call. */
export function openClient(sandbox: SlackSandbox, token = botToken): WebClient {
  return new WebClient(token, {
    slackApiUrl: `${sandbox.url}/api/`,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: 2_000,
    logger: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: () => {},
      setLevel: () => {},
      getLevel: () => 'error' as never,
      setName: () => {},
    },
  })
}

/** An app that answers the sandbox's interactions; closed after the test. */
export async function openApp(sandbox: SlackSandbox, handle: Handler) {
  const app = await startApp(handle)
  opened.push(app.close)
  sandbox.setInteractivityUrl(app.url)
  return app
}

/** A message with an Approve and a Decline button. */
export const question = [
  { type: 'section', text: { type: 'mrkdwn', text: 'Promote?' } },
  {
    type: 'actions',
    block_id: 'decide',
    elements: [
      {
        type: 'button',
        action_id: 'approve',
        value: 'request-1',
        text: { type: 'plain_text', text: 'Approve' },
      },
      {
        type: 'button',
        action_id: 'decline',
        value: 'request-1',
        text: { type: 'plain_text', text: 'Decline' },
      },
    ],
  },
]
