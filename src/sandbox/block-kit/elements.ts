import { z } from 'zod'
import { limits } from './limits.ts'
import { anyText, plainText } from './text.ts'

const confirm = z.strictObject({
  title: plainText(limits.confirmTitle),
  text: anyText(limits.confirmText),
  confirm: plainText(limits.confirmButton),
  deny: plainText(limits.confirmButton),
  style: z.enum(['primary', 'danger']).optional(),
})

const actionId = z.string().min(1).max(limits.actionId)

/** A button. Slack makes up an `action_id` where none is given. */
export const button = z.strictObject({
  type: z.literal('button'),
  text: plainText(limits.buttonText),
  action_id: actionId.optional(),
  value: z.string().max(limits.buttonValue).optional(),
  url: z.string().max(limits.buttonUrl).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  confirm: confirm.optional(),
  accessibility_label: z.string().max(limits.accessibilityLabel).optional(),
})

/** A button as it stands in a block. */
export type Button = z.infer<typeof button>

/** An image beside or inside other content. */
export const imageElement = z.strictObject({
  type: z.literal('image'),
  image_url: z.string().min(1).max(limits.imageUrl),
  alt_text: z.string().min(1).max(limits.imageAlt),
})

const option = z.strictObject({
  text: anyText(limits.optionText),
  value: z.string().max(limits.optionValue),
  description: plainText(limits.optionText).optional(),
})

/** One choice of a select, a radio group or a checkbox group. */
export type Option = z.infer<typeof option>

const focusable = { action_id: actionId.optional(), focus_on_load: z.boolean().optional() }
const typed = { ...focusable, placeholder: plainText(limits.placeholder).optional() }
const dispatchable = {
  dispatch_action_config: z.strictObject({ trigger_actions_on: z.array(z.string()) }).optional(),
}
const length = z.int().min(0).max(limits.inputLength).optional()
const selectOptions = z.array(option).min(1).max(limits.selectOptions)
const choiceOptions = z.array(option).min(1).max(limits.choiceOptions)

/** What may stand in an `input` block: the inputs the sandbox can show and fill in. */
export const inputElement = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('plain_text_input'),
    ...typed,
    ...dispatchable,
    multiline: z.boolean().optional(),
    initial_value: z.string().optional(),
    min_length: length,
    max_length: length,
  }),
  z.strictObject({
    type: z.literal('number_input'),
    ...typed,
    ...dispatchable,
    is_decimal_allowed: z.boolean(),
    initial_value: z.string().optional(),
    min_value: z.string().optional(),
    max_value: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('datepicker'), ...typed, initial_date: z.iso.date().optional() }),
  z.strictObject({
    type: z.literal('static_select'),
    ...typed,
    options: selectOptions,
    initial_option: option.optional(),
  }),
  z.strictObject({
    type: z.literal('radio_buttons'),
    ...focusable,
    options: choiceOptions,
    initial_option: option.optional(),
  }),
  z.strictObject({
    type: z.literal('checkboxes'),
    ...focusable,
    options: choiceOptions,
    initial_options: z.array(option).min(1).optional(),
  }),
])

/** An input as it stands in an `input` block. */
export type InputElement = z.infer<typeof inputElement>
