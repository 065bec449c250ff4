// What Slack tells of a person's click or filled-in form, reduced to what is used of it
// (https://docs.slack.dev/reference/interaction-payloads).
import { z } from 'zod'
import { actionIds } from './message.ts'
import { declineIds } from './modal.ts'

/** Who clicked. `teamIds`: every workspace that Slack names for them. */
export type Clicker = { id: string; teamIds: string[] }

export type Interaction =
  | {
      kind: 'click'
      answer: 'approve' | 'decline'
      /** As the button carried it: the request's id, unless somebody else made the button. */
      requestId: string
      clicker: Clicker
      channel: string
      triggerId: string
    }
  | { kind: 'declineForm'; requestId: string; reason: string; clicker: Clicker }
  /** Nothing of ours. */
  | { kind: 'other'; type: string }

const slackId = z.string().regex(/^[A-Z0-9]{2,40}$/)

const person = {
  user: z.object({ id: slackId, team_id: slackId.nullish() }),
  team: z.object({ id: slackId }).nullish(),
}

const blockActions = z.object({
  ...person,
  type: z.literal('block_actions'),
  trigger_id: z.string().max(300),
  channel: z.object({ id: slackId }),
  actions: z.array(z.object({ action_id: z.string(), value: z.string().default('') })).max(100),
})

const viewSubmission = z.object({
  ...person,
  type: z.literal('view_submission'),
  view: z.object({
    callback_id: z.literal(declineIds.callback),
    private_metadata: z.string(),
    state: z.object({
      values: z.object({
        [declineIds.block]: z.object({ [declineIds.input]: z.object({ value: z.string().nullish() }) }),
      }),
    }),
  }),
})

const anything = z.object({ type: z.string().catch('unknown') }).catch({ type: 'unknown' })

/** Reads a signed interaction payload; whatever is not ours, or not as Slack sends it, is `other`. *Pure.* */
export function readInteraction(payload: unknown): Interaction {
  const { type } = anything.parse(payload)
  const clicked = blockActions.safeParse(payload).data
  for (const { action_id, value } of clicked?.actions ?? []) {
    const answer = answers.get(action_id)
    if (clicked === undefined || answer === undefined) continue
    const { channel, trigger_id } = clicked
    const clicker = clickerOf(clicked)
    return { kind: 'click', answer, requestId: value, clicker, channel: channel.id, triggerId: trigger_id }
  }
  const submitted = viewSubmission.safeParse(payload).data
  if (submitted === undefined) return { kind: 'other', type: type.slice(0, 40) }
  const { private_metadata, state } = submitted.view
  const reason = state.values[declineIds.block][declineIds.input].value ?? ''
  return { kind: 'declineForm', requestId: private_metadata, reason, clicker: clickerOf(submitted) }
}

const answers = new Map<string, 'approve' | 'decline'>([
  [actionIds.approve, 'approve'],
  [actionIds.decline, 'decline'],
])

function clickerOf({ user, team }: z.infer<typeof blockActions> | z.infer<typeof viewSubmission>): Clicker {
  const teamIds = [user.team_id, team?.id].filter((id) => id !== null && id !== undefined)
  return { id: user.id, teamIds }
}
