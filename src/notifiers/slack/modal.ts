import type { ModalView } from '@slack/web-api'
import { oneLine } from '../text.ts'
import { literal, paragraph, richText } from './rich-text.ts'

/** Names the modal and its one input in what Slack sends back. */
export const declineIds = { callback: 'greenroom.decline', block: 'reason', input: 'reason' } as const

/** The longest reason a person can give, in characters. */
export const maxReason = 2000

/** The modal that asks why; it carries the request's id and nothing else. *Pure.* */
export function declineModal(about: { requestId: string; model: string; version: number }): ModalView {
  const text = `Version ${about.version} of ${oneLine(about.model, 200)} stays in Staging, and its history keeps your reason.`
  return {
    type: 'modal',
    callback_id: declineIds.callback,
    private_metadata: about.requestId,
    title: { type: 'plain_text', text: 'Decline', emoji: false },
    submit: { type: 'plain_text', text: 'Decline', emoji: false },
    close: { type: 'plain_text', text: 'Cancel', emoji: false },
    blocks: [
      richText(paragraph(literal(text))),
      {
        type: 'input',
        block_id: declineIds.block,
        label: { type: 'plain_text', text: 'What would have to change?', emoji: false },
        element: {
          type: 'plain_text_input',
          action_id: declineIds.input,
          multiline: true,
          max_length: maxReason,
          focus_on_load: true,
        },
      },
    ],
  }
}
