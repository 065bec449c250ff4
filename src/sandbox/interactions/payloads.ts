import type { Button } from '../block-kit/elements.ts'
import { describeMessage } from '../methods/chat.ts'
import { describeView } from '../methods/views.ts'
import type { SandboxEphemeral, SandboxMessage, SandboxUser, SandboxView, Workspace } from '../workspace.ts'

type Payload = Record<string, unknown>

/** A button as it is shown: which block it stands in, and the message around it. */
export type ShownButton = {
  message: SandboxMessage | SandboxEphemeral
  isEphemeral: boolean
  blockId: string
  button: Button
}

/**
 * The `block_actions` payload of a click
 * (https://docs.slack.dev/reference/interaction-payloads/block_actions-payload).
 */
export function describeClick(
  workspace: Workspace,
  user: SandboxUser,
  shown: ShownButton,
  grants: { triggerId: string; responseUrl: string },
): Payload {
  const { message, isEphemeral, blockId, button } = shown
  const channel = workspace.channels.find((one) => one.id === message.channel)
  return {
    type: 'block_actions',
    ...describeActor(workspace, user),
    container: {
      type: 'message',
      message_ts: message.ts,
      channel_id: message.channel,
      is_ephemeral: isEphemeral,
      ...(message.thread_ts && { thread_ts: message.thread_ts }),
    },
    trigger_id: grants.triggerId,
    channel: { id: message.channel, name: channel?.name ?? '' },
    ...(!isEphemeral && { message: describeMessage(workspace, message) }),
    state: { values: {} },
    response_url: grants.responseUrl,
    actions: [
      {
        action_id: button.action_id,
        block_id: blockId,
        text: { ...button.text, emoji: button.text.emoji ?? true },
        ...(button.value !== undefined && { value: button.value }),
        ...(button.style && { style: button.style }),
        type: 'button',
        action_ts: workspace.newTs(),
      },
    ],
  }
}

/** The `view_submission` payload of a modal that is sent off. */
export function describeSubmission(
  workspace: Workspace,
  user: SandboxUser,
  view: SandboxView,
  values: Record<string, unknown>,
  triggerId: string,
): Payload {
  return {
    type: 'view_submission',
    ...describeActor(workspace, user),
    trigger_id: triggerId,
    view: describeView(workspace, view, values),
    response_urls: [],
  }
}

/** The `view_closed` payload of a modal that is put away. */
export function describeClosing(workspace: Workspace, user: SandboxUser, view: SandboxView): Payload {
  return {
    type: 'view_closed',
    ...describeActor(workspace, user),
    view: describeView(workspace, view),
    is_cleared: false,
  }
}

function describeActor({ team, app }: Workspace, user: SandboxUser): Payload {
  const teamId = user.teamId ?? team.id
  return {
    team: { id: teamId, domain: teamId === team.id ? team.domain : 'another-workspace' },
    user: { id: user.id, username: user.name, name: user.name, team_id: teamId },
    api_app_id: app.id,
    // The old verification token: still sent by Slack, proves nothing.
    token: 'deprecated-verification-token',
    enterprise: null,
    is_enterprise_install: false,
  }
}
