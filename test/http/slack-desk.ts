import { afterEach } from 'vitest'
import { actionIds } from '../../src/notifiers/slack/message.ts'
import { slackNotifier } from '../../src/notifiers/slack/notifier.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { buildRequest, type RawRequest } from '../../src/sandbox/interactions/delivery.ts'
import { signRequest } from '../../src/sandbox/interactions/signature.ts'
import { startSlackSandbox } from '../../src/sandbox/slack.ts'
import type { CommandPayloads } from '../../src/store/commands.ts'
import { loadRequestView } from '../../src/workers/request-view.ts'
import { registerToApproval } from '../helpers/lifecycle.ts'
import { policyOf } from '../helpers/policies.ts'
import { type Changes, openApp } from './app-fixture.ts'

export const signingSecret = 'a signing secret'
const botToken = 'xoxb-of-the-test'
export const channel = 'C0APPROVALS'
const model = 'forecast'
export const [alice, bob, carol, eve, guest] = ['U0ALICE', 'U0BOB', 'U0CAROL', 'U0EVE', 'U0GUEST']

/** A policy of one trivial check, three people in Slack, and these rules of approval. */
export const policy = (approval: string): Policy =>
  policyOf(`
people:
  alice: { slack: ${alice} }
  bob: { slack: ${bob} }
  carol: { slack: ${carol} }
defaults:
  validate: [ { metrics: { score: { min: 0 } } } ]
  test: []
  approval: ${approval}
`)
/** Each of three people may decide, within three days. */
export const anyOfThree = policy('{ approvers: [alice, bob, carol], quorum: 1, expires: 72h }')

/** What is closed after the test, the last one first. */
export const opened: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** The real application, listening, on a real database, with the sandbox in Slack's place. */
export async function openDesk(changes: Changes = {}) {
  let ahead = 0
  const now = () => Date.now() + ahead
  const people = [
    { id: alice, name: 'alice', realName: 'Alice' },
    { id: bob, name: 'bob', realName: 'Bob' },
    { id: carol, name: 'carol', realName: 'Carol' },
    { id: eve, name: 'eve', realName: 'Eve' },
    { id: guest, name: 'guest', realName: 'Guest', teamId: 'T0ELSEWHERE' },
  ]
  const sandbox = await startSlackSandbox({ signingSecret, botToken, users: people, now })
  opened.push(sandbox.close)
  const slack = { botToken, signingSecret, channel, apiUrl: `${sandbox.url}/api` }
  const rules = { policy: anyOfThree, now: () => new Date(now()) }
  const fixture = await openApp({ ...rules, config: { slack }, ...changes })
  opened.push(fixture.close)
  const { app, deps } = fixture
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/slack/interactions`
  sandbox.setInteractivityUrl(url)
  const log = { warn: () => {}, error: () => {} }
  const notifier = slackNotifier({ ...slack, publicUrl: 'http://greenroom.test', log })
  const { db } = deps

  return {
    ...fixture,
    sandbox,
    url,
    db,
    notifier,
    passTime: (ms: number) => {
      ahead += ms
    },
    /** Takes a new version to the wait for approval and posts the question. */
    ask: async () => {
      const asked = await registerToApproval(db, deps, model)
      const sent = await notifier.post(await loadRequestView(db, asked.requestId), false)
      if (sent.kind !== 'sent') throw new Error(sent.why)
      return { ...asked, ts: sent.message.ts ?? '' }
    },
    approve: (ts: string, userId: string) => sandbox.click({ ts, userId, actionId: actionIds.approve }),
    decline: (ts: string, userId: string) => sandbox.click({ ts, userId, actionId: actionIds.decline }),
    /** Sends what Slack would send, with a payload of our own. */
    forge: (payload: Record<string, unknown>) => sandbox.replay(buildRequest(payload, signingSecret, now())),
    /** What is to be said to one person only, oldest first. */
    told: async () => {
      const rows = await db
        .selectFrom('command')
        .select('payload')
        .where('kind', '=', 'replyPrivately')
        .orderBy('created_at')
        .execute()
      return rows.map(({ payload }) => payload as CommandPayloads['replyPrivately'])
    },
    /** Everything that an answer could have changed. */
    facts: async () => ({
      versions: await db
        .selectFrom('model_version')
        .select(['version', 'stage', 'state'])
        .orderBy('version')
        .execute(),
      decisions: await db.selectFrom('decision').select(['principal', 'answer']).orderBy('at').execute(),
      events: await db.selectFrom('event').select(['seq', 'actor', 'channel']).orderBy('seq').execute(),
    }),
  }
}

export type Desk = Awaited<ReturnType<typeof openDesk>>

/** What Slack sends for a click by alice. */
export const clickPayload = (over: Record<string, unknown> = {}, action: Record<string, unknown> = {}) => ({
  type: 'block_actions',
  user: { id: alice, team_id: 'T0GREENROOM' },
  team: { id: 'T0GREENROOM' },
  trigger_id: 'x.1',
  channel: { id: channel },
  actions: [{ action_id: actionIds.approve, value: 'x', ...action }],
  ...over,
})

/** A form as Slack would sign it, whatever is in it. */
export function signed(body: string): RawRequest {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    ...signRequest(signingSecret, body, Date.now()),
  }
  return { headers, body }
}
