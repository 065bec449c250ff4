import type { InputBlock } from '../block-kit/blocks.ts'
import type { InputElement, Option } from '../block-kit/elements.ts'
import type { Modal } from '../block-kit/modal.ts'

/** What a person filled in, by block id: text, a date or an option's value; a list of values for checkboxes. */
export type Filled = Record<string, string | string[]>

/** Either the `view.state.values` to send, or by block id what Slack would tell the person to correct first. */
export type Completed =
  | { kind: 'complete'; values: Record<string, Record<string, unknown>> }
  | { kind: 'incomplete'; errors: Record<string, string> }

/** What is filled in, in the form Slack sends it; checked first, as Slack's own client does. *Pure.* */
export function completeInputs(modal: Modal, filled: Filled): Completed {
  const inputs = modal.blocks.filter((block) => block.type === 'input')
  const errors = Object.fromEntries(
    inputs.flatMap((block) => {
      const problem = findProblem(block, filled[block.block_id ?? ''])
      return problem ? [[block.block_id ?? '', problem]] : []
    }),
  )
  if (Object.keys(errors).length > 0) return { kind: 'incomplete', errors }
  const values = Object.fromEntries(
    inputs.map(({ block_id = '', element }) => [
      block_id,
      { [element.action_id ?? '']: describeValue(element, filled[block_id]) },
    ]),
  )
  return { kind: 'complete', values }
}

function findProblem(block: InputBlock, given: string | string[] | undefined): string | null {
  const { element } = block
  if (given === undefined || given.length === 0) {
    return block.optional ? null : 'Please complete this required field.'
  }
  if (typeof given === 'string' && element.type === 'plain_text_input') {
    const { min_length = 0, max_length = Number.POSITIVE_INFINITY } = element
    if (given.length < min_length) return `Enter at least ${min_length} characters.`
    if (given.length > max_length) return `Enter at most ${max_length} characters.`
  }
  if (typeof given === 'string' && element.type === 'number_input') {
    const wanted = element.is_decimal_allowed ? /^-?\d+(\.\d+)?$/ : /^-?\d+$/
    if (!wanted.test(given)) return 'Enter a number.'
    if (element.min_value && Number(given) < Number(element.min_value))
      return `Enter at least ${element.min_value}.`
    if (element.max_value && Number(given) > Number(element.max_value))
      return `Enter at most ${element.max_value}.`
  }
  if (!('options' in element)) return null
  const known = element.options.map((option) => option.value)
  return [given].flat().every((value) => known.includes(value)) ? null : 'Choose one of the options.'
}

function describeValue(element: InputElement, given: string | string[] | undefined): unknown {
  const { type } = element
  const [first = null] = given === undefined ? [] : [given].flat()
  switch (type) {
    case 'plain_text_input':
    case 'number_input':
      return { type, value: first || null }
    case 'datepicker':
      return { type, selected_date: first || null }
    case 'checkboxes':
      return { type, selected_options: pickOptions(element.options, [given ?? []].flat()) }
    case 'static_select':
    case 'radio_buttons':
      return { type, selected_option: pickOptions(element.options, first === null ? [] : [first])[0] ?? null }
  }
}

function pickOptions(options: Option[], values: string[]): Option[] {
  return options.filter((option) => values.includes(option.value))
}
