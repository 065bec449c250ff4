// The state of the sandbox: one Slack workspace, in memory, the oldest entries dropped beyond a bound.
import type { Block } from './block-kit/blocks.ts'
import type { Modal } from './block-kit/modal.ts'

/** A person of the workspace. `teamId` differs for a guest of another workspace. */
export type SandboxUser = {
  id: string
  name: string
  realName: string
  email?: string
  teamId?: string
  deleted?: boolean
}

/** A public channel; the app is a member of every channel. */
export type SandboxChannel = { id: string; name: string }

/** A message in a channel, with the field names Slack uses. `edited` says that it was changed after posting. */
export type SandboxMessage = {
  channel: string
  ts: string
  user: string
  text: string
  blocks: Block[]
  thread_ts?: string
  metadata?: { event_type: string; event_payload: Record<string, unknown> }
  edited: boolean
}

/** A message that only `user`, its addressee, can see; Slack keeps it out of the channel's history. */
export type SandboxEphemeral = Omit<SandboxMessage, 'metadata'>

/** One Web API call: its arguments without the token, and how it was answered (`error` null when all went well). */
export type SandboxCall = {
  method: string
  at: number
  body: Record<string, unknown>
  status: number
  error: string | null
}

/** A modal on somebody's screen; `errors` by block id, from the last submission. */
export type SandboxView = {
  id: string
  hash: string
  user: string
  modal: Modal
  rootId: string
  previousId: string | null
  errors: Record<string, string>
}

/** One interaction sent to the app. `ok` is false where Slack would show the person a warning. */
export type SandboxInteraction = {
  type: string
  at: number
  user: string
  /** The message or view that was acted on. */
  target: string
  status: number
  ms: number
  ok: boolean
  /** Why it is not ok, in a few words. */
  problem: string | null
}

/** Permission to answer one interaction: a trigger for a modal, or a response URL. */
export type Grant = { user: string; channel: string; ts: string; until: number; uses: number }

/** Everything the sandbox knows. Lists are in order of time. */
export type Workspace = {
  team: { id: string; domain: string }
  app: { id: string; name: string; userId: string; botId: string }
  users: SandboxUser[]
  channels: SandboxChannel[]
  messages: SandboxMessage[]
  ephemerals: SandboxEphemeral[]
  calls: SandboxCall[]
  views: SandboxView[]
  interactions: SandboxInteraction[]
  triggers: Map<string, Grant>
  responseUrls: Map<string, Grant>
  now: () => number
  newId: () => string
  /** A message timestamp, never given twice. */
  newTs: () => string
  /** Tells every listener that something has changed. */
  changed: () => void
  listeners: Set<() => void>
}

const kept = 1000

/** An empty workspace with these people and channels. */
export function createWorkspace(given: Pick<Workspace, 'users' | 'channels' | 'now' | 'newId'>): Workspace {
  const listeners = new Set<() => void>()
  return {
    ...given,
    team: { id: 'T0GREENROOM', domain: 'greenroom-sandbox' },
    app: { id: 'A0GREENROOM', name: 'Greenroom', userId: 'U0GREENROOM', botId: 'B0GREENROOM' },
    messages: [],
    ephemerals: [],
    calls: [],
    views: [],
    interactions: [],
    triggers: new Map(),
    responseUrls: new Map(),
    newTs: createTimestamps(given.now),
    listeners,
    changed: () => {
      for (const listener of listeners) listener()
    },
  }
}

/** Appends to one of the workspace's lists, drops the oldest beyond 1,000, and tells the listeners. */
export function remember<T>(workspace: Workspace, list: T[], item: T): void {
  list.push(item)
  if (list.length > kept) list.splice(0, list.length - kept)
  workspace.changed()
}

/** Keeps a grant under `id`; forgets the oldest beyond 1,000. */
export function grant(grants: Map<string, Grant>, id: string, given: Grant): void {
  grants.set(id, given)
  const [oldest] = grants.keys()
  if (grants.size > kept && oldest !== undefined) grants.delete(oldest)
}

/** The channel named by id, name or `#name`. */
export function findChannel(workspace: Workspace, named: string): SandboxChannel | undefined {
  const name = named.replace(/^#/, '')
  return workspace.channels.find((channel) => channel.id === named || channel.name === name)
}

/** The person with this id. */
export function findUser(workspace: Workspace, id: string): SandboxUser | undefined {
  return workspace.users.find((user) => user.id === id)
}

function createTimestamps(now: () => number): () => string {
  let lastMicros = 0
  return () => {
    lastMicros = Math.max(lastMicros + 1, Math.floor(now()) * 1000)
    return `${Math.floor(lastMicros / 1e6)}.${String(lastMicros % 1e6).padStart(6, '0')}`
  }
}
