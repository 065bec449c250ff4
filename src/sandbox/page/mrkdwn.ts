// Slack's markup as a reader sees it. Whatever Slack would turn into a mention, a link or a style becomes a node
// of its own here, so that text which slipped through unescaped is plain to see on the page and in tests.

/** How a run of text looks. */
export type Style = 'bold' | 'italic' | 'strike' | 'code'

/** A run inside a paragraph. Text is final: nothing in it is markup any more. */
export type Inline =
  | { kind: 'text'; text: string; styles: Style[] }
  | { kind: 'mention'; label: string; notifies: boolean }
  | { kind: 'link'; url: string; label: string; styles: Style[] }
  | { kind: 'moment'; seconds: number; format: string; fallback: string }

/** One paragraph; line breaks stand in its text. */
export type Paragraph = { kind: 'paragraph' | 'quote' | 'preformatted'; inlines: Inline[] }

/** Names behind the ids that mentions hold; null where nobody has that id. */
export type Names = { user: (id: string) => string | null; channel: (id: string) => string | null }

const markup = new RegExp(
  [
    '(?<control><[^<>\\n]+>)',
    '`(?<code>[^`\\n]+)`',
    delimited('bold', '\\*'),
    delimited('italic', '_'),
    delimited('strike', '~'),
    '(?<url>https?://[^\\s<>|]*[^\\s<>|.,;:!?)\'"])',
  ].join('|'),
  'gu',
)
const controlOnly = /(?<control><[^<>\n]+>)/gu

/** Reads `mrkdwn` text. With `verbatim` bare addresses do not become links. *Pure.* */
export function readMrkdwn(text: string, names: Names, verbatim = false): Paragraph[] {
  return text.split(/```/).flatMap((part, index, parts): Paragraph[] => {
    // An opening fence without a closing one is shown as it is.
    if (index % 2 === 1 && index < parts.length - 1) {
      return [
        { kind: 'preformatted', inlines: readInlines(part.replace(/^\n|\n$/g, ''), names, ['code'], true) },
      ]
    }
    return readLines(index % 2 === 1 ? `\`\`\`${part}` : part, names, verbatim)
  })
}

/** Text that Slack shows as it is, but for `:emoji:` and its three entities. *Pure.* */
export function readPlain(text: string): string {
  return showEmoji(decode(text))
}

function readLines(text: string, names: Names, verbatim: boolean): Paragraph[] {
  if (text.trim() === '') return []
  const paragraphs: { kind: 'paragraph' | 'quote'; lines: string[] }[] = []
  for (const line of text.replace(/^\n|\n$/g, '').split('\n')) {
    const quoted = /^(?:>|&gt;) ?(.*)$/.exec(line)
    const kind = quoted ? 'quote' : 'paragraph'
    const open = paragraphs.at(-1)
    const content = quoted?.[1] ?? line
    if (open?.kind === kind) open.lines.push(content)
    else paragraphs.push({ kind, lines: [content] })
  }
  return paragraphs.map(({ kind, lines }) => ({
    kind,
    inlines: readInlines(lines.join('\n'), names, [], false, verbatim),
  }))
}

function readInlines(
  text: string,
  names: Names,
  styles: Style[],
  literal: boolean,
  verbatim = false,
): Inline[] {
  const inlines: Inline[] = []
  let from = 0
  for (const match of text.matchAll(literal ? controlOnly : markup)) {
    const read = readMatch(match, names, styles, verbatim)
    if (!read) continue
    inlines.push(...asText(text.slice(from, match.index), styles), ...read)
    from = match.index + match[0].length
  }
  return [...inlines, ...asText(text.slice(from), styles)]
}

function readMatch(
  match: RegExpMatchArray,
  names: Names,
  styles: Style[],
  verbatim: boolean,
): Inline[] | null {
  const { control, code, bold, italic, strike, url } = match.groups ?? {}
  if (control !== undefined) {
    const read = readControl(control.slice(1, -1), names, styles)
    return read ? [read] : null
  }
  // Mentions and links inside code count too: Slack's own treatment differs by client, and this errs to the loud side.
  if (code !== undefined) return readInlines(code, names, [...styles, 'code'], true)
  if (bold !== undefined) return readInlines(bold, names, [...styles, 'bold'], false, verbatim)
  if (italic !== undefined) return readInlines(italic, names, [...styles, 'italic'], false, verbatim)
  if (strike !== undefined) return readInlines(strike, names, [...styles, 'strike'], false, verbatim)
  if (url === undefined || verbatim) return null
  return [{ kind: 'link', url: decode(url), label: decode(url), styles }]
}

/** A control sequence without its angle brackets, as the reader sees it; null where it is none. */
function readControl(content: string, names: Names, styles: Style[]): Inline | null {
  const [target = '', label] = content.split('|', 2)
  const person = /^@([UW]\w+)$/.exec(target)?.[1]
  if (person) return { kind: 'mention', label: `@${names.user(person) ?? person}`, notifies: true }
  const channel = /^#(C\w+)$/.exec(target)?.[1]
  if (channel)
    return { kind: 'mention', label: `#${names.channel(channel) ?? label ?? channel}`, notifies: false }
  const broadcast = /^!(here|channel|everyone)$/.exec(target)?.[1]
  if (broadcast) return { kind: 'mention', label: `@${broadcast}`, notifies: true }
  const group = /^!subteam\^(\w+)$/.exec(target)?.[1]
  if (group) return { kind: 'mention', label: label ?? `@${group}`, notifies: true }
  const [, seconds, format] = /^!date\^(\d+)\^([^^]+)/.exec(target) ?? []
  if (seconds && format) {
    return { kind: 'moment', seconds: Number(seconds), format: decode(format), fallback: decode(label ?? '') }
  }
  if (!/^(https?:\/\/|mailto:|tel:)/.test(target)) return null
  return { kind: 'link', url: decode(target), label: showEmoji(decode(label || target)), styles }
}

function asText(text: string, styles: Style[]): Inline[] {
  return text === '' ? [] : [{ kind: 'text', text: showEmoji(decode(text)), styles }]
}

function delimited(name: string, mark: string): string {
  const beside = `[\\p{L}\\p{N}${mark}]`
  return `(?<!${beside})${mark}(?=\\S)(?<${name}>[^${mark}\\n]*?\\S)${mark}(?!${beside})`
}

const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' }

function decode(text: string): string {
  return text.replace(/&(?:lt|gt|amp);/g, (entity) => entities[entity] ?? entity)
}

const emoji: Record<string, string> = {
  white_check_mark: '✅',
  heavy_check_mark: '✔️',
  x: '❌',
  warning: '⚠️',
  rocket: '🚀',
  hourglass: '⌛',
  hourglass_flowing_sand: '⏳',
  tada: '🎉',
  package: '📦',
  bar_chart: '📊',
  chart_with_upwards_trend: '📈',
  chart_with_downwards_trend: '📉',
  no_entry: '⛔',
  leftwards_arrow_with_hook: '↩️',
  inbox_tray: '📥',
  eyes: '👀',
  lock: '🔒',
  robot_face: '🤖',
}

/** The emoji of this name, or null for one the sandbox has no picture of. *Pure.* */
export function findEmoji(name: string): string | null {
  return emoji[name] ?? null
}

function showEmoji(text: string): string {
  return text.replace(/:([a-z0-9_+-]+):/g, (written, name: string) => findEmoji(name) ?? written)
}
