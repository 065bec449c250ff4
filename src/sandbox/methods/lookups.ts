import { z } from 'zod'
import { findChannel, findUser, type SandboxMessage, type SandboxUser, type Workspace } from '../workspace.ts'
import { check, flag, type Method, refuse, textual } from './answer.ts'
import { describeMessage } from './chat.ts'

/** `auth.test`: who the token belongs to. */
export const testAuth: Method = ({ app, team }) => ({
  ok: true,
  url: `https://${team.domain}.slack.com/`,
  team: team.domain,
  team_id: team.id,
  user: app.name.toLowerCase(),
  user_id: app.userId,
  bot_id: app.botId,
  is_enterprise_install: false,
})

/** `users.info`: one person, or the app's own bot user. */
export const showUser: Method = (workspace, args) => {
  const asked = check(z.object({ user: textual }), args, 'invalid_arguments')
  if (asked.kind === 'refused') return asked.answer
  const { app } = workspace
  if (asked.value.user === app.userId) {
    const bot = { id: app.userId, name: app.name.toLowerCase(), realName: app.name }
    return { ok: true, user: { ...describeUser(workspace, bot), is_bot: true } }
  }
  const user = findUser(workspace, asked.value.user)
  return user ? { ok: true, user: describeUser(workspace, user) } : refuse('user_not_found')
}

const range = z.object({
  channel: textual,
  limit: z.coerce.number().int().min(1).max(999).default(100),
  cursor: z.string().optional(),
  oldest: textual.optional(),
  latest: textual.optional(),
  inclusive: flag.optional(),
  include_all_metadata: flag.optional(),
})

/** `conversations.history`: a channel's messages, the newest first, without the replies inside threads. */
export const showHistory: Method = (workspace, args) => {
  const asked = check(range, args, 'invalid_arguments')
  if (asked.kind === 'refused') return asked.answer
  const { channel, limit, cursor, oldest, latest, inclusive, include_all_metadata } = asked.value
  // History takes an id only, unlike chat.postMessage.
  if (findChannel(workspace, channel)?.id !== channel) return refuse('channel_not_found')
  const before = cursor ? readCursor(cursor) : null
  if (cursor && before === null) return refuse('invalid_cursor')
  const within = ({ ts }: SandboxMessage) =>
    (!oldest || micros(ts) > micros(oldest) || (inclusive && micros(ts) === micros(oldest))) &&
    (!latest || micros(ts) < micros(latest) || (inclusive && micros(ts) === micros(latest))) &&
    (before === null || micros(ts) < micros(before))
  const found = workspace.messages
    .filter((one) => one.channel === channel && (one.thread_ts ?? one.ts) === one.ts && within(one))
    .toReversed()
  const page = found.slice(0, limit)
  const last = page.at(-1)
  const more = found.length > page.length && last
  return {
    ok: true,
    messages: page.map((message) => ({
      ...describeMessage(workspace, message),
      ...describeThread(workspace, message),
      ...(include_all_metadata && message.metadata && { metadata: message.metadata }),
    })),
    has_more: Boolean(more),
    pin_count: 0,
    ...(more && { response_metadata: { next_cursor: writeCursor(last.ts) } }),
  }
}

function describeUser(workspace: Workspace, user: SandboxUser): Record<string, unknown> {
  return {
    id: user.id,
    team_id: user.teamId ?? workspace.team.id,
    name: user.name,
    real_name: user.realName,
    deleted: user.deleted ?? false,
    is_bot: false,
    profile: {
      real_name: user.realName,
      display_name: user.name,
      ...(user.email && { email: user.email }),
    },
  }
}

function describeThread(workspace: Workspace, parent: SandboxMessage): Record<string, unknown> {
  const replies = workspace.messages.filter((one) => one.thread_ts === parent.ts && one.ts !== parent.ts)
  const last = replies.at(-1)
  return last ? { thread_ts: parent.ts, reply_count: replies.length, latest_reply: last.ts } : {}
}

/** A timestamp as a whole number, because the parts of `1700000000.000100` do not survive a float. */
function micros(ts: string): number {
  const [seconds = '0', fraction = ''] = ts.split('.')
  return Number(seconds) * 1e6 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

function writeCursor(ts: string): string {
  return Buffer.from(`next_ts:${ts}`).toString('base64')
}

function readCursor(cursor: string): string | null {
  return /^next_ts:(\d+\.\d{6})$/.exec(Buffer.from(cursor, 'base64').toString())?.[1] ?? null
}
