// Slack as a channel that reaches people, by its Web API.
//
// Invariants:
//   S1. Before a request is posted by a later attempt, the channel is searched for it (V12).
//   S2. Nothing here rejects, and no call hangs longer than its time limit.
import type { WebClient } from '@slack/web-api'
import type { Delivery, MessageRef, Notifier, RequestView } from '../notifier.ts'
import { lines } from '../text.ts'
import { attempt, openClient, type SlackAccess } from './client.ts'
import { inertMrkdwn } from './fallback.ts'
import { rememberIdentity, type SlackIdentity } from './identity.ts'
import { requestMessage } from './message.ts'
import { paragraph, richText, withCode } from './rich-text.ts'

export type SlackOptions = SlackAccess & {
  /** The id of the channel where requests are posted (C…): Slack finds messages again by id only. */
  channel: string
  publicUrl: string
}

const eventType = 'greenroom_approval'
// Our clock and Slack's need not agree.
const clockSlackMs = 10 * 60_000
const history = { limit: 200, pages: 25 }

/** Slack as a notifier, in the channel with the given id; calls nothing yet. A call to Slack may take `callMs`. */
export function slackNotifier(options: SlackOptions, callMs = 10_000): Notifier {
  const client = openClient(options, callMs) // S2
  const identity = rememberIdentity(client)
  return {
    name: 'slack',
    post: (request, mayBePosted) => attempt(() => post(client, options, identity, request, mayBePosted)),
    update: (request, message) => attempt(() => rewrite(client, options, request, message)),
    replyPrivately: (to, text) => attempt(() => reply(client, to, text)),
  }
}

async function post(
  client: WebClient,
  options: SlackOptions,
  identity: () => Promise<SlackIdentity>,
  request: RequestView,
  mayBePosted: boolean,
): Promise<Delivery<{ message: MessageRef }>> {
  const { channel } = options
  if (mayBePosted) {
    const ts = await findPosted(client, channel, request, await identity()) // S1
    if (ts !== null) {
      // It shows how things stood at an earlier attempt.
      const rewritten = await rewrite(client, options, request, { channel, ts })
      return rewritten.kind === 'sent' ? { kind: 'sent', message: { channel, ts } } : rewritten
    }
  }
  const posted = await client.chat.postMessage({
    channel,
    ...requestMessage(request, options.publicUrl),
    metadata: metadataOf(request),
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  })
  if (posted.ts === undefined) throw new Error('Slack posted the message but did not say where')
  return { kind: 'sent', message: { channel: posted.channel ?? channel, ts: posted.ts } }
}

async function rewrite(
  client: WebClient,
  options: SlackOptions,
  request: RequestView,
  { channel, ts }: MessageRef,
): Promise<Delivery<object>> {
  if (channel === undefined || ts === undefined)
    return { kind: 'fatal', why: 'the request was not posted in Slack, so there is no message to rewrite' }
  const message = requestMessage(request, options.publicUrl)
  const metadata = metadataOf(request)
  await client.chat.update({ channel, ts, ...message, metadata, parse: 'none', link_names: false })
  return { kind: 'sent' }
}

async function reply(
  client: WebClient,
  to: { channel: string; user: string },
  text: string,
): Promise<Delivery<object>> {
  await client.chat.postEphemeral({
    ...to,
    text: inertMrkdwn(text, 500),
    blocks: [richText(paragraph(...withCode(lines(text, 1500))))],
    parse: 'none',
    link_names: false,
  })
  return { kind: 'sent' }
}

// The oldest of the app's own messages about this request, by the id in its metadata.
async function findPosted(
  client: WebClient,
  channel: string,
  request: RequestView,
  { botId }: SlackIdentity,
): Promise<string | null> {
  const oldest = String(Math.floor((request.openedAt.getTime() - clockSlackMs) / 1000))
  let found: string | null = null
  let cursor: string | undefined
  for (let page = 0; page < history.pages; page++) {
    const { limit } = history
    const { messages = [], response_metadata } = await client.conversations.history({
      channel,
      oldest,
      limit,
      include_all_metadata: true,
      ...(cursor === undefined ? {} : { cursor }),
    })
    for (const { ts, bot_id, metadata } of messages) {
      const payload: Record<string, unknown> = { ...metadata?.event_payload }
      const isAbout = metadata?.event_type === eventType && payload.request_id === request.id
      if (isAbout && bot_id === botId && ts !== undefined) found = ts
    }
    cursor = response_metadata?.next_cursor
    if (!cursor) break
  }
  return found
}

function metadataOf(request: RequestView) {
  return { event_type: eventType, event_payload: { request_id: request.id } }
}
