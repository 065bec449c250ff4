import type { ModalView } from '@slack/web-api'
import { attempt, openClient, type SlackAccess } from './client.ts'
import { rememberIdentity, type SlackIdentity } from './identity.ts'
import { codeOf, type Failure, failureOf } from './outcomes.ts'

/** What answering a person's click needs of Slack. Its functions *never reject* and take 1.5 seconds at most. */
export type SlackDesk = {
  /** The app's own workspace; asked once and remembered. */
  identity(): Promise<({ kind: 'known' } & SlackIdentity) | Failure>
  /** Opens a modal for whoever caused the trigger. `opened before`: the same click came twice. */
  openModal(
    triggerId: string,
    view: ModalView,
  ): Promise<{ kind: 'opened' } | { kind: 'opened before' } | Failure>
}

// A trigger is good for three seconds; some of them are gone, and Slack waits for our answer too.
const deskMs = 1_500

/** Sets the desk up; calls nothing yet. */
export function slackDesk(access: SlackAccess): SlackDesk {
  const client = openClient(access, deskMs)
  const identity = rememberIdentity(client)
  return {
    identity: () => attempt(async () => ({ kind: 'known' as const, ...(await identity()) })),
    openModal: async (triggerId, view) => {
      try {
        await client.views.open({ trigger_id: triggerId, view })
        return { kind: 'opened' }
      } catch (error) {
        return codeOf(error) === 'exchanged_trigger_id' ? { kind: 'opened before' } : failureOf(error)
      }
    },
  }
}
