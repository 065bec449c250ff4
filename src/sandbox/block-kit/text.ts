import { z } from 'zod'

/** A `plain_text` object of at most `max` characters: shown as it is, no markup. */
export function plainText(max: number) {
  return z.strictObject({
    type: z.literal('plain_text'),
    text: z.string().min(1).max(max),
    emoji: z.boolean().optional(),
  })
}

/** A `mrkdwn` object of at most `max` characters: Slack's own markup, with mentions and links. */
function mrkdwn(max: number) {
  return z.strictObject({
    type: z.literal('mrkdwn'),
    text: z.string().min(1).max(max),
    verbatim: z.boolean().optional(),
  })
}

/** Either kind of text object, at most `max` characters. */
export function anyText(max: number) {
  return z.discriminatedUnion('type', [plainText(max), mrkdwn(max)])
}

/** A text object as it stands in a block. */
export type TextObject = z.infer<ReturnType<typeof anyText>>
