import { renderBlock, renderParagraph } from './blocks.js'
import { make, set } from './dom.js'

/** Shows the modal, or keeps the one that shows already and only renews its errors; null takes it away. */
export function showModal(dialog, view, { onSubmit, onDismiss }) {
  if (!view) {
    if (dialog.open) dialog.close()
    dialog.dataset.shown = ''
    return
  }
  const shown = `${view.id} ${view.hash}`
  if (dialog.dataset.shown !== shown) {
    dialog.dataset.shown = shown
    dialog.replaceChildren(renderView(view, onSubmit, onDismiss))
    dialog.oncancel = (event) => {
      event.preventDefault()
      onDismiss(view)
    }
    if (!dialog.open) dialog.showModal()
  }
  for (const slot of dialog.querySelectorAll('.error'))
    slot.textContent = view.errors[slot.dataset.blockId] ?? ''
  dialog.querySelector('.warning').textContent = view.warning ? `⚠ ${view.warning}` : ''
}

/** Asks the question a button carries; resolves to true when the person confirms. */
export function askToConfirm(dialog, confirm) {
  return new Promise((resolve) => {
    const answer = (value) => () => {
      dialog.close()
      resolve(value)
    }
    const yes = set(make('button', 'button primary', confirm.confirm), {
      type: 'button',
      onclick: answer(true),
    })
    const no = set(make('button', 'button', confirm.deny), { type: 'button', onclick: answer(false) })
    dialog.oncancel = answer(false)
    const words = make('div', 'modal-body', ...confirm.text.map(renderParagraph))
    dialog.replaceChildren(make('h2', '', confirm.title), words, make('footer', '', no, yes))
    dialog.showModal()
  })
}

function renderView(view, onSubmit, onDismiss) {
  const form = make('form', '')
  const close = set(make('button', 'button', view.close), { type: 'button', onclick: () => onDismiss(view) })
  const submit = view.submit ? set(make('button', 'button primary', view.submit), { type: 'submit' }) : null
  form.append(
    make('h2', '', view.title),
    make(
      'div',
      'modal-body',
      ...view.blocks.map((block) =>
        block.kind === 'input' ? renderInput(block) : renderBlock(block, () => {}),
      ),
    ),
    make('p', 'warning'),
    make('footer', '', close, submit),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    onSubmit(view, readValues(form))
  })
  return form
}

function renderInput(input) {
  const error = make('p', 'error')
  error.dataset.blockId = input.blockId
  const optional = input.optional ? make('span', 'optional', ' (optional)') : null
  const label = make('div', 'label', input.label, optional)
  const hint = input.hint ? make('p', 'hint', input.hint) : null
  const choice = input.type === 'radio_buttons' || input.type === 'checkboxes'
  return make(choice ? 'fieldset' : 'label', 'input', label, renderField(input), hint, error)
}

function renderField(input) {
  const { type, placeholder, options, initial, blockId } = input
  const [first = ''] = initial
  if (type === 'radio_buttons' || type === 'checkboxes') {
    return make('div', 'choices', ...options.map((option) => renderChoice(input, option)))
  }
  if (type === 'static_select') {
    const empty = set(make('option', '', placeholder || 'Choose an option'), { value: '' })
    const choices = options.map((option) => set(make('option', '', option.label), { value: option.value }))
    const select = make('select', '', empty, ...choices)
    return set(select, { name: blockId, value: first })
  }
  if (input.multiline) return set(make('textarea'), { name: blockId, rows: 4, placeholder, value: first })
  return set(make('input'), {
    name: blockId,
    type: type === 'datepicker' ? 'date' : 'text',
    placeholder,
    value: first,
  })
}

function renderChoice({ type, blockId, initial }, option) {
  const box = set(make('input'), {
    type: type === 'checkboxes' ? 'checkbox' : 'radio',
    name: blockId,
    value: option.value,
    checked: initial.includes(option.value),
  })
  return make('label', 'choice', box, option.label)
}

/** What is filled in, by block id; a list where there are several boxes to tick. */
function readValues(form) {
  const values = {}
  for (const [blockId, value] of new FormData(form)) {
    const many = form.querySelector(`input[type=checkbox][name="${CSS.escape(blockId)}"]`)
    values[blockId] = many ? [...(values[blockId] ?? []), value] : value
  }
  return values
}
