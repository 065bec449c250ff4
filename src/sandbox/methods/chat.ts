import { z } from 'zod'
import { limits } from '../block-kit/limits.ts'
import { nameBlocks } from '../block-kit/naming.ts'
import { findChannel, findUser, remember, type SandboxMessage, type Workspace } from '../workspace.ts'
import { type Answer, check, type Method, refuse, textual } from './answer.ts'
import { readContent } from './content.ts'

const place = z.object({ channel: textual, thread_ts: textual.optional() })
const target = z.object({ channel: textual, ts: textual })
const person = place.extend({ user: textual })

/** `chat.postMessage`: says something in a channel, or in a thread of it. */
export const postMessage: Method = (workspace, args) => {
  const where = check(place, args, 'invalid_arguments')
  if (where.kind === 'refused') return where.answer
  const channel = findChannel(workspace, where.value.channel)
  if (!channel) return refuse('channel_not_found')
  const content = readContent(args)
  if (content.kind === 'refused') return content.answer
  const { text, blocks, metadata, warnings } = content.value
  const message: SandboxMessage = {
    channel: channel.id,
    ts: workspace.newTs(),
    user: workspace.app.userId,
    text: text ?? '',
    blocks: nameBlocks(blocks ?? [], workspace.newId),
    ...(where.value.thread_ts && { thread_ts: where.value.thread_ts }),
    ...(metadata && { metadata }),
    edited: false,
  }
  remember(workspace, workspace.messages, message)
  return accepted(
    { channel: channel.id, ts: message.ts, message: describeMessage(workspace, message) },
    warnings,
  )
}

/**
 * `chat.update`: changes a message of the app. Text without blocks removes the blocks; blocks left out
 * together with the text stay as they were. *Idempotent.*
 */
export const updateMessage: Method = (workspace, args) => {
  const where = check(target, args, 'invalid_arguments')
  if (where.kind === 'refused') return where.answer
  const channel = findChannel(workspace, where.value.channel)
  if (!channel) return refuse('channel_not_found')
  const here = (one: { ts: string; channel: string }) =>
    one.ts === where.value.ts && one.channel === channel.id
  const message = workspace.messages.find(here)
  if (!message) return refuse(workspace.ephemerals.some(here) ? 'cant_update_message' : 'message_not_found')
  if (message.user !== workspace.app.userId) return refuse('cant_update_message')
  const content = readContent(args)
  if (content.kind === 'refused') return content.answer
  if (Buffer.byteLength(content.value.text ?? '') > limits.updateTextBytes) return refuse('msg_too_long')
  applyEdit(workspace, message, content.value)
  const { text, ts } = message
  return accepted({ channel: channel.id, ts, text, message: describeMessage(workspace, message) }, [])
}

/** `chat.postEphemeral`: says something that only one person sees. */
export const postEphemeral: Method = (workspace, args) => {
  const where = check(person, args, 'invalid_arguments')
  if (where.kind === 'refused') return where.answer
  const channel = findChannel(workspace, where.value.channel)
  if (!channel) return refuse('channel_not_found')
  const user = findUser(workspace, where.value.user)
  if (!user || user.deleted) return refuse('user_not_in_channel')
  const content = readContent(args)
  if (content.kind === 'refused') return content.answer
  const { text, blocks, warnings } = content.value
  const ts = workspace.newTs()
  remember(workspace, workspace.ephemerals, {
    channel: channel.id,
    ts,
    user: user.id,
    text: text ?? '',
    blocks: nameBlocks(blocks ?? [], workspace.newId),
    ...(where.value.thread_ts && { thread_ts: where.value.thread_ts }),
    edited: false,
  })
  return accepted({ message_ts: ts }, warnings)
}

/** Puts new content into a message, in place. Metadata that is left out stays. */
export function applyEdit(
  workspace: Workspace,
  message: SandboxMessage,
  content: {
    text: string | null
    blocks: SandboxMessage['blocks'] | null
    metadata?: SandboxMessage['metadata'] | null
  },
): void {
  if (content.blocks !== null || content.text !== null)
    message.blocks = nameBlocks(content.blocks ?? [], workspace.newId)
  message.text = content.text ?? message.text
  if (content.metadata) message.metadata = content.metadata
  message.edited = true
  workspace.changed()
}

/** A message as the Web API and interactions show it, without metadata. *Pure.* */
export function describeMessage(workspace: Workspace, message: SandboxMessage): Record<string, unknown> {
  const { app, team } = workspace
  const byApp = message.user === app.userId
  return {
    type: 'message',
    user: message.user,
    team: team.id,
    ...(byApp && { bot_id: app.botId, app_id: app.id }),
    ts: message.ts,
    text: message.text,
    ...(message.blocks.length > 0 && { blocks: message.blocks }),
    ...(message.thread_ts && { thread_ts: message.thread_ts }),
    ...(message.edited && { edited: { user: message.user, ts: message.ts } }),
  }
}

function accepted(fields: Record<string, unknown>, warnings: string[]): Answer {
  if (warnings.length === 0) return { ok: true, ...fields }
  const messages = warnings.map(
    (warning) => `[WARN] ${warning}: keep \`text\` under ${limits.advisedText} characters`,
  )
  return { ok: true, ...fields, warning: warnings.join(','), response_metadata: { warnings, messages } }
}
