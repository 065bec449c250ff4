import { findUser, type SandboxMessage, type Workspace } from '../workspace.ts'
import { type Shown, showBlock } from './display.ts'
import { type Names, readMrkdwn } from './mrkdwn.ts'

type ShownMessage = {
  ts: string
  channel: string
  author: string
  isApp: boolean
  edited: boolean
  /** The only person who sees it, or null where everybody does. */
  onlyFor: string | null
  isReply: boolean
  blocks: Shown[]
  /** Why this person's last click on it failed, or null. */
  warning: string | null
}

type LogLine = { at: number; title: string; outcome: string; ok: boolean; detail: string }

/** What one person sees on the page. */
export type PageState = {
  team: string
  app: string
  users: { id: string; name: string }[]
  channels: { id: string; name: string }[]
  messages: ShownMessage[]
  view: {
    id: string
    hash: string
    title: string
    submit: string | null
    close: string
    blocks: Shown[]
    errors: Record<string, string>
    warning: string | null
  } | null
  log: LogLine[]
}

const shownMessages = 200
const shownLines = 100

/** The channels, messages, modal and log as the person `userId` sees them. *Pure.* */
export function showPage(workspace: Workspace, userId: string): PageState {
  const { users, channels, app, team } = workspace
  return {
    team: team.domain,
    app: app.name,
    users: users.map((user) => ({ id: user.id, name: user.realName })),
    channels,
    messages: showMessages(workspace, userId),
    view: showView(workspace, userId),
    log: showLog(workspace),
  }
}

function showMessages(workspace: Workspace, userId: string): ShownMessage[] {
  const everybodys = workspace.messages.map((message) => showMessage(workspace, message, userId, null))
  const own = workspace.ephemerals
    .filter((message) => message.user === userId)
    .map((message) =>
      showMessage(workspace, message, userId, findUser(workspace, userId)?.realName ?? userId),
    )
  return [...everybodys, ...own].toSorted(byThread(workspace)).slice(-shownMessages)
}

function showMessage(
  workspace: Workspace,
  message: SandboxMessage,
  userId: string,
  onlyFor: string | null,
): ShownMessage {
  const names = namesOf(workspace)
  const isApp = onlyFor !== null || message.user === workspace.app.userId
  const blocks: Shown[] =
    message.blocks.length > 0
      ? message.blocks.map((block) => showBlock(block, names))
      : [{ kind: 'section', paragraphs: readMrkdwn(message.text, names), fields: [], accessory: null }]
  return {
    ts: message.ts,
    channel: message.channel,
    author: isApp ? workspace.app.name : (findUser(workspace, message.user)?.realName ?? message.user),
    isApp,
    edited: message.edited,
    onlyFor,
    isReply: (message.thread_ts ?? message.ts) !== message.ts,
    blocks,
    warning: findWarning(workspace, userId, message.ts),
  }
}

/** Oldest first, and every reply right below the message it answers. */
function byThread(workspace: Workspace): (a: ShownMessage, b: ShownMessage) => number {
  const roots = new Map(
    [...workspace.messages, ...workspace.ephemerals].map(({ ts, thread_ts }) => [ts, thread_ts ?? ts]),
  )
  const key = ({ ts }: ShownMessage) => `${roots.get(ts) ?? ts} ${ts}`
  return (a, b) => (key(a) < key(b) ? -1 : 1)
}

function showView(workspace: Workspace, userId: string): PageState['view'] {
  const view = workspace.views.findLast((one) => one.user === userId)
  if (!view) return null
  const names = namesOf(workspace)
  return {
    id: view.id,
    hash: view.hash,
    title: view.modal.title.text,
    submit: view.modal.submit?.text ?? null,
    close: view.modal.close?.text ?? 'Cancel',
    blocks: view.modal.blocks.map((block) => showBlock(block, names)),
    errors: view.errors,
    warning: findWarning(workspace, userId, view.id),
  }
}

function findWarning(workspace: Workspace, userId: string, target: string): string | null {
  const last = workspace.interactions.findLast((one) => one.user === userId && one.target === target)
  return last?.problem ? `${workspace.app.name} ${last.problem} (${Math.round(last.ms)} ms)` : null
}

function showLog(workspace: Workspace): LogLine[] {
  const calls = workspace.calls.map(({ at, method, body, status, error }) => ({
    at,
    title: method,
    outcome: error ?? 'ok',
    ok: error === null,
    detail: JSON.stringify({ status, ...Object.fromEntries(Object.entries(body).map(unfold)) }, null, 2),
  }))
  const interactions = workspace.interactions.map(({ at, type, user, target, status, ms, ok, problem }) => ({
    at,
    title: `→ ${type}`,
    outcome: problem ?? `${status} in ${Math.round(ms)} ms`,
    ok,
    detail: JSON.stringify({ user, target, status, ms: Math.round(ms) }, null, 2),
  }))
  return [...calls, ...interactions].toSorted((a, b) => b.at - a.at).slice(0, shownLines)
}

/** A form field that holds JSON, opened up for reading. */
function unfold([key, value]: [string, unknown]): [string, unknown] {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return [key, value]
  try {
    return [key, JSON.parse(value)]
  } catch {
    return [key, value]
  }
}

function namesOf(workspace: Workspace): Names {
  return {
    user: (id) =>
      id === workspace.app.userId ? workspace.app.name : (findUser(workspace, id)?.realName ?? null),
    channel: (id) => workspace.channels.find((channel) => channel.id === id)?.name ?? null,
  }
}
