// Text for the two places of a message that are not rich text.
import { cut } from '../text.ts'

// Look like the originals and mean nothing to Slack.
const lookalikes: Record<string, string> = { '*': '∗', '~': '∼', '`': 'ˋ' }

/**
 * Text for the one place where Slack reads markup: a message's fallback, shown in notifications. Without mentions,
 * links or markup, whoever wrote the text; at most `max` characters before escaping. *Pure.*
 */
export function inertMrkdwn(text: string, max: number): string {
  return cut(text, max)
    .replace(/[*~`]/g, (mark) => lookalikes[mark] ?? mark)
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, 'ˍ')
    .replace(/:(?=[\w+-]+:)/g, '꞉')
    .replaceAll('://', '꞉//')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}

/**
 * Text for a `plain_text` object, of at most `max` characters: there Slack still draws `:names:` as pictures and
 * reads its three entities. *Pure.*
 */
export function inertPlain(text: string, max: number): string {
  return cut(text, max)
    .replace(/:(?=[\w+-]+:)/g, '꞉')
    .replace(/&(?=(lt|gt|amp);)/g, '＆')
}
