// Slack's rich text: the one place where text is literal whatever its characters, so that what others wrote can
// never become a mention, a link or markup (R29).
import type {
  RichTextBlock,
  RichTextBlockElement,
  RichTextDate,
  RichTextElement,
  RichTextText,
} from '@slack/web-api'

/** A run of literal text; `text` must not be empty. *Pure.* */
export function literal(text: string): RichTextText {
  return { type: 'text', text }
}

/** A run of literal text in bold. *Pure.* */
export function bold(text: string): RichTextText {
  return { type: 'text', text, style: { bold: true } }
}

/** A moment, shown in the reader's own time zone. *Pure.* */
export function moment(at: Date): RichTextDate {
  return {
    type: 'date',
    timestamp: Math.floor(at.getTime() / 1000),
    format: '{date_short_pretty} at {time}',
    fallback: `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  }
}

/** A block of paragraphs, lists, quotes and tables. *Pure.* */
export function richText(...elements: RichTextBlockElement[]): RichTextBlock {
  return { type: 'rich_text', elements }
}

/** Runs of text beside each other. *Pure.* */
export function paragraph(...elements: RichTextElement[]): RichTextBlockElement {
  return { type: 'rich_text_section', elements }
}

/** One paragraph whose lines are given apart. *Pure.* */
export function paragraphOf(rows: readonly RichTextElement[][]): RichTextBlockElement {
  return paragraph(...rows.flatMap((row, index) => (index === 0 ? row : [literal('\n'), ...row])))
}

/** Lines in a fixed-width font, in which columns stay aligned. *Pure.* */
export function table(rows: readonly string[]): RichTextBlockElement {
  return { type: 'rich_text_preformatted', elements: [literal(rows.join('\n'))] }
}

/** Text set off from its surroundings as somebody's words. *Pure.* */
export function quote(text: string): RichTextBlockElement {
  return { type: 'rich_text_quote', elements: [literal(text)] }
}

/** Text with words `in backticks` set as code; everything else literal. *Pure.* */
export function withCode(text: string): RichTextElement[] {
  return text
    .split('`')
    .map((part, index): RichTextText => {
      return index % 2 === 0 ? literal(part) : { type: 'text', text: part, style: { code: true } }
    })
    .filter((part) => part.text !== '')
}
