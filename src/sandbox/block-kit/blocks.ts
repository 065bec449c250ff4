import { z } from 'zod'
import { button, imageElement, inputElement } from './elements.ts'
import { limits } from './limits.ts'
import { richText } from './rich-text.ts'
import { anyText, plainText } from './text.ts'

const block_id = z.string().max(limits.blockId).optional()

const section = z
  .strictObject({
    type: z.literal('section'),
    block_id,
    text: anyText(limits.sectionText).optional(),
    fields: z.array(anyText(limits.sectionFieldText)).min(1).max(limits.sectionFields).optional(),
    accessory: z.discriminatedUnion('type', [button, imageElement]).optional(),
    expand: z.boolean().optional(),
  })
  .refine((block) => block.text || block.fields, { error: 'must define either `text` or `fields`' })

const actions = z
  .strictObject({
    type: z.literal('actions'),
    block_id,
    elements: z
      .array(z.discriminatedUnion('type', [button]))
      .min(1)
      .max(limits.actionsElements),
  })
  .refine((block) => !repeated(block.elements.map((element) => element.action_id)), {
    error: '`action_id` must be unique within the block',
    path: ['elements'],
  })

const display = [
  section,
  actions,
  z.strictObject({ type: z.literal('header'), block_id, text: plainText(limits.headerText) }),
  z.strictObject({ type: z.literal('divider'), block_id }),
  z.strictObject({
    type: z.literal('context'),
    block_id,
    elements: z
      .array(z.discriminatedUnion('type', [...anyText(limits.contextText).options, imageElement]))
      .min(1)
      .max(limits.contextElements),
  }),
  z.strictObject({ ...imageElement.shape, block_id, title: plainText(limits.imageAlt).optional() }),
  z.strictObject({
    type: z.literal('markdown'),
    block_id,
    text: z.string().min(1).max(limits.markdownText),
  }),
  richText,
] as const

const input = z.strictObject({
  type: z.literal('input'),
  block_id,
  label: plainText(limits.inputLabel),
  element: inputElement,
  hint: plainText(limits.inputLabel).optional(),
  optional: z.boolean().optional(),
  dispatch_action: z.boolean().optional(),
})

/** An `input` block of a modal. */
export type InputBlock = z.infer<typeof input>

/** What a message may show. A block type the sandbox does not know is refused rather than shown wrongly. */
const messageBlock = z.discriminatedUnion('type', display)
const modalBlock = z.discriminatedUnion('type', [...display, input])

/** A block of a message. */
export type Block = z.infer<typeof messageBlock>
/** A block of a modal: as in a message, and inputs. */
export type ModalBlock = z.infer<typeof modalBlock>

/** The blocks of a message. */
export const messageBlocks = uniqueIds(z.array(messageBlock).max(limits.messageBlocks))
/** The blocks of a modal. */
export const modalBlocks = uniqueIds(z.array(modalBlock).max(limits.modalBlocks))

/** The length of all text in `value`, as Slack adds it up for a whole message. *Pure.* */
export function measureText(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + measureText(item), 0)
  if (typeof value !== 'object' || value === null) return 0
  return Object.entries(value).reduce(
    (sum, [key, item]) =>
      sum + (key === 'text' && typeof item === 'string' ? item.length : measureText(item)),
    0,
  )
}

function uniqueIds<T extends { block_id?: string | undefined }, S extends z.ZodType<T[]>>(blocks: S): S {
  return blocks.refine((list) => !repeated(list.map((block) => block.block_id)), {
    error: '`block_id` must be unique for each block',
  })
}

function repeated(ids: (string | undefined)[]): boolean {
  const given = ids.filter((id) => id !== undefined)
  return new Set(given).size < given.length
}
