import { InvalidInputError, NotFoundError } from '../../errors.ts'
import { findUser, grant, type SandboxUser, type Workspace } from '../workspace.ts'
import { buildRequest, type Delivered, deliver, type Line } from './delivery.ts'
import { describeClick, type ShownButton } from './payloads.ts'

/** Who clicks which button of which message. `blockId` only where one `action_id` stands in several blocks. */
export type Click = { ts: string; actionId: string; userId: string; blockId?: string }

const triggerMs = 3000
const responseUrlMs = 30 * 60_000

/**
 * A person clicks a button that the message shows right now; the app gets the signed interaction.
 * @throws NotFoundError or InvalidInputError when there is no such person, message or button to click.
 */
export async function click(
  workspace: Workspace,
  line: Line,
  baseUrl: string,
  given: Click,
): Promise<Delivered> {
  const user = requireUser(workspace, given.userId)
  const shown = findButton(workspace, given)
  const { channel, ts } = shown.message
  const responseId = workspace.newId()
  grant(workspace.responseUrls, responseId, {
    user: user.id,
    channel,
    ts,
    until: workspace.now() + responseUrlMs,
    uses: 0,
  })
  const payload = describeClick(workspace, user, shown, {
    triggerId: grantTrigger(workspace, user.id),
    responseUrl: `${baseUrl}/response/${responseId}`,
  })
  const raw = buildRequest(payload, line.signingSecret, workspace.now())
  return deliver(workspace, line, raw, { type: 'block_actions', user: user.id, target: ts })
}

/** A trigger id with which the app may open one modal within three seconds. */
export function grantTrigger(workspace: Workspace, user: string): string {
  const id = `${Math.floor(workspace.now())}.${workspace.triggers.size + 1}.${workspace.newId().replaceAll('-', '')}`
  grant(workspace.triggers, id, { user, channel: '', ts: '', until: workspace.now() + triggerMs, uses: 0 })
  return id
}

/** The person with this id. @throws NotFoundError when the workspace has nobody with it. */
export function requireUser(workspace: Workspace, id: string): SandboxUser {
  const user = findUser(workspace, id)
  if (user) return user
  const known = workspace.users.map((one) => one.id).join(', ')
  throw new NotFoundError(`The Slack sandbox has no user ${id}. It has: ${known}.`)
}

function findButton(workspace: Workspace, { ts, actionId, userId, blockId }: Click): ShownButton {
  const posted = workspace.messages.find((one) => one.ts === ts)
  const message = posted ?? workspace.ephemerals.find((one) => one.ts === ts && one.user === userId)
  if (!message) throw new NotFoundError(`${userId} sees no message ${ts} in the Slack sandbox.`)
  const buttons: ShownButton[] = message.blocks.flatMap((block) => {
    const elements =
      block.type === 'actions' ? block.elements : block.type === 'section' ? [block.accessory] : []
    return elements.flatMap((element) =>
      element?.type === 'button'
        ? [{ message, isEphemeral: !posted, blockId: block.block_id ?? '', button: element }]
        : [],
    )
  })
  const found = buttons.filter(
    (one) => one.button.action_id === actionId && (blockId === undefined || one.blockId === blockId),
  )
  const [only] = found
  if (only && found.length === 1) return only
  const shown = buttons.map((one) => one.button.action_id).join(', ') || 'none'
  throw new InvalidInputError(
    found.length > 1
      ? `Message ${ts} shows ${found.length} buttons "${actionId}": say which with blockId.`
      : `Message ${ts} shows no button "${actionId}" now. Its buttons: ${shown}.`,
  )
}
