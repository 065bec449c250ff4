import { make, set } from './dom.js'

/** The nodes of one block; `onClick(button, element)` is called when a person clicks one of its buttons. */
export function renderBlock(block, onClick) {
  switch (block.kind) {
    case 'header':
      return make('h3', 'header', block.text)
    case 'divider':
      return make('hr', 'divider')
    case 'section':
      return renderSection(block, onClick)
    case 'context':
      return make(
        'div',
        'context',
        ...block.items.map((item) =>
          item.kind === 'image'
            ? renderImage(item)
            : make('div', '', ...item.paragraphs.map(renderParagraph)),
        ),
      )
    case 'actions':
      return make('div', 'actions', ...block.buttons.map((button) => renderButton(button, onClick)))
    case 'richText':
      return make('div', 'rich', ...block.parts.map(renderPart))
    case 'image':
      return renderImage(block)
    default:
      return make('div', '', `(${block.kind})`)
  }
}

/** The nodes of one paragraph. */
export function renderParagraph(paragraph) {
  const tags = { paragraph: 'p', quote: 'blockquote', preformatted: 'pre' }
  return make(tags[paragraph.kind], '', ...paragraph.inlines.map(renderInline))
}

function renderSection(block, onClick) {
  const words = make('div', 'words', ...block.paragraphs.map(renderParagraph))
  if (block.fields.length > 0) {
    const fields = block.fields.map((field) => make('div', 'field', ...field.map(renderParagraph)))
    words.append(make('div', 'fields', ...fields))
  }
  if (!block.accessory) return make('div', 'section', words)
  const accessory =
    block.accessory.kind === 'button' ? renderButton(block.accessory, onClick) : renderImage(block.accessory)
  return make('div', 'section', words, accessory)
}

function renderPart(part) {
  if (part.kind !== 'list') return renderParagraph(part)
  const items = part.items.map((inlines) => make('li', '', ...inlines.map(renderInline)))
  return make(part.ordered ? 'ol' : 'ul', `indent-${part.indent}`, ...items)
}

function renderInline(inline) {
  if (inline.kind === 'mention')
    return make('span', inline.notifies ? 'mention loud' : 'mention', inline.label)
  if (inline.kind === 'moment') return renderMoment(inline)
  const styles = inline.styles.join(' ')
  if (inline.kind === 'text') return styles ? make('span', styles, inline.text) : inline.text
  const link = make('a', styles, inline.label)
  if (/^https?:\/\//i.test(inline.url)) link.href = inline.url
  return set(link, { title: inline.url, target: '_blank', rel: 'noopener noreferrer' })
}

/** A moment in the reader's own time zone, written by Slack's format words. */
function renderMoment({ seconds, format, fallback }) {
  const at = new Date(seconds * 1000)
  const day = (options) => at.toLocaleDateString([], options)
  const words = {
    date_num: () => at.toISOString().slice(0, 10),
    date: () => day({ dateStyle: 'long' }),
    date_short: () => day({ dateStyle: 'medium' }),
    date_long: () => day({ dateStyle: 'full' }),
    time: () => at.toLocaleTimeString([], { timeStyle: 'short' }),
    time_secs: () => at.toLocaleTimeString([], { timeStyle: 'medium' }),
  }
  const text = format.replace(/\{(\w+?)(?:_pretty)?\}/g, (written, word) => words[word]?.() ?? written)
  return set(make('time', '', text), { dateTime: at.toISOString(), title: fallback })
}

/** Nothing is loaded from elsewhere: an image shows as its description. */
function renderImage(image) {
  return set(make('span', 'image', `Image: ${image.alt}`), { title: image.url })
}

function renderButton(button, onClick) {
  const element = set(make('button', `button ${button.style}`, button.label), { type: 'button' })
  element.dataset.actionId = button.actionId
  element.addEventListener('click', () => onClick(button, element))
  return element
}
