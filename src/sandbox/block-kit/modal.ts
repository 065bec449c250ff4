import { z } from 'zod'
import { modalBlocks } from './blocks.ts'
import { limits } from './limits.ts'
import { plainText } from './text.ts'

/** The view of `views.open`: a modal. Home tabs are not part of the sandbox. */
export const modal = z
  .strictObject({
    type: z.literal('modal'),
    title: plainText(limits.modalTitle),
    submit: plainText(limits.modalTitle).optional(),
    close: plainText(limits.modalTitle).optional(),
    blocks: modalBlocks,
    private_metadata: z.string().max(limits.privateMetadata).optional(),
    callback_id: z.string().max(limits.callbackId).optional(),
    external_id: z.string().max(limits.callbackId).optional(),
    clear_on_close: z.boolean().optional(),
    notify_on_close: z.boolean().optional(),
  })
  .refine((view) => view.submit || view.blocks.every((block) => block.type !== 'input'), {
    error: 'must define `submit` to use `input` block',
  })

/** A modal that passed the check. */
export type Modal = z.infer<typeof modal>
