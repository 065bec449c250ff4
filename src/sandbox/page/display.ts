// Blocks as the channel page shows them: plain nodes with final text, so that the page itself parses nothing.
import type { InputBlock, ModalBlock } from '../block-kit/blocks.ts'
import type { Button } from '../block-kit/elements.ts'
import type { RichInline, RichText } from '../block-kit/rich-text.ts'
import type { TextObject } from '../block-kit/text.ts'
import {
  findEmoji,
  type Inline,
  type Names,
  type Paragraph,
  readMrkdwn,
  readPlain,
  type Style,
} from './mrkdwn.ts'

type ShownImage = { kind: 'image'; alt: string; url: string }
type ShownList = { kind: 'list'; ordered: boolean; indent: number; items: Inline[][] }
type ShownConfirm = { title: string; text: Paragraph[]; confirm: string; deny: string }

/** A button to click. */
type ShownButton = {
  kind: 'button'
  actionId: string
  blockId: string
  label: string
  style: string
  url: string | null
  confirm: ShownConfirm | null
}

/** An input of a modal. */
type ShownInput = {
  kind: 'input'
  blockId: string
  label: string
  hint: string
  optional: boolean
  type: InputBlock['element']['type']
  multiline: boolean
  placeholder: string
  initial: string[]
  options: { label: string; value: string }[]
}

/** A block as the page shows it. */
export type Shown =
  | { kind: 'header'; text: string }
  | { kind: 'divider' }
  | {
      kind: 'section'
      paragraphs: Paragraph[]
      fields: Paragraph[][]
      accessory: ShownButton | ShownImage | null
    }
  | { kind: 'context'; items: ({ kind: 'words'; paragraphs: Paragraph[] } | ShownImage)[] }
  | { kind: 'actions'; buttons: ShownButton[] }
  | { kind: 'richText'; parts: (Paragraph | ShownList)[] }
  | ShownImage
  | ShownInput

/** A block as the page shows it. *Pure.* */
export function showBlock(block: ModalBlock, names: Names): Shown {
  const blockId = block.block_id ?? ''
  switch (block.type) {
    case 'header':
      return { kind: 'header', text: readPlain(block.text.text) }
    case 'divider':
      return { kind: 'divider' }
    case 'section':
      return {
        kind: 'section',
        paragraphs: block.text ? showText(block.text, names) : [],
        fields: (block.fields ?? []).map((field) => showText(field, names)),
        accessory:
          block.accessory?.type === 'button'
            ? showButton(block.accessory, blockId, names)
            : showImage(block.accessory),
      }
    case 'context':
      return {
        kind: 'context',
        items: block.elements.map((element) =>
          element.type === 'image'
            ? { kind: 'image', alt: element.alt_text, url: element.image_url }
            : { kind: 'words', paragraphs: showText(element, names) },
        ),
      }
    case 'actions':
      return {
        kind: 'actions',
        buttons: block.elements.map((element) => showButton(element, blockId, names)),
      }
    case 'image':
      return { kind: 'image', alt: block.alt_text, url: block.image_url }
    case 'markdown':
      return { kind: 'section', paragraphs: [literal(block.text)], fields: [], accessory: null }
    case 'rich_text':
      return { kind: 'richText', parts: block.elements.map((element) => showRich(element, names)) }
    case 'input':
      return showInput(block)
  }
}

function showText(text: TextObject, names: Names): Paragraph[] {
  return text.type === 'mrkdwn'
    ? readMrkdwn(text.text, names, text.verbatim)
    : [literal(readPlain(text.text))]
}

function showButton(button: Button, blockId: string, names: Names): ShownButton {
  const { confirm } = button
  return {
    kind: 'button',
    actionId: button.action_id ?? '',
    blockId,
    label: readPlain(button.text.text),
    style: button.style ?? 'default',
    url: button.url ?? null,
    confirm: confirm
      ? {
          title: readPlain(confirm.title.text),
          text: showText(confirm.text, names),
          confirm: readPlain(confirm.confirm.text),
          deny: readPlain(confirm.deny.text),
        }
      : null,
  }
}

function showImage(image: { alt_text: string; image_url: string } | undefined): ShownImage | null {
  return image ? { kind: 'image', alt: image.alt_text, url: image.image_url } : null
}

function showRich(element: RichText['elements'][number], names: Names): Paragraph | ShownList {
  if (element.type === 'rich_text_list') {
    const items = element.elements.map((item) => item.elements.map((inline) => showRun(inline, names)))
    return { kind: 'list', ordered: element.style === 'ordered', indent: element.indent ?? 0, items }
  }
  const kinds = {
    rich_text_section: 'paragraph',
    rich_text_quote: 'quote',
    rich_text_preformatted: 'preformatted',
  } as const
  return { kind: kinds[element.type], inlines: element.elements.map((inline) => showRun(inline, names)) }
}

function showRun(run: RichInline, names: Names): Inline {
  const styles = (['bold', 'italic', 'strike', 'code'] satisfies Style[]).filter(
    (style) => run.style?.[style],
  )
  switch (run.type) {
    case 'text':
      return { kind: 'text', text: run.text, styles }
    case 'link':
      return { kind: 'link', url: run.url, label: run.text || run.url, styles }
    case 'user':
      return { kind: 'mention', label: `@${names.user(run.user_id) ?? run.user_id}`, notifies: true }
    case 'usergroup':
      return { kind: 'mention', label: `@${run.usergroup_id}`, notifies: true }
    case 'channel':
      return {
        kind: 'mention',
        label: `#${names.channel(run.channel_id) ?? run.channel_id}`,
        notifies: false,
      }
    case 'broadcast':
      return { kind: 'mention', label: `@${run.range}`, notifies: true }
    case 'emoji':
      return { kind: 'text', text: findEmoji(run.name) ?? `:${run.name}:`, styles }
    case 'date':
      return { kind: 'moment', seconds: run.timestamp, format: run.format, fallback: run.fallback ?? '' }
  }
}

function showInput(block: InputBlock): ShownInput {
  const { element } = block
  return {
    kind: 'input',
    blockId: block.block_id ?? '',
    label: readPlain(block.label.text),
    hint: block.hint ? readPlain(block.hint.text) : '',
    optional: block.optional ?? false,
    type: element.type,
    multiline: element.type === 'plain_text_input' && (element.multiline ?? false),
    placeholder: 'placeholder' in element && element.placeholder ? readPlain(element.placeholder.text) : '',
    initial: readInitial(element),
    options:
      'options' in element
        ? element.options.map(({ text, value }) => ({ label: readPlain(text.text), value }))
        : [],
  }
}

function readInitial(element: InputBlock['element']): string[] {
  if ('initial_value' in element && element.initial_value) return [element.initial_value]
  if ('initial_date' in element && element.initial_date) return [element.initial_date]
  if ('initial_option' in element && element.initial_option) return [element.initial_option.value]
  if ('initial_options' in element) return (element.initial_options ?? []).map((option) => option.value)
  return []
}

function literal(text: string): Paragraph {
  return { kind: 'paragraph', inlines: [{ kind: 'text', text, styles: [] }] }
}
