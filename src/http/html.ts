import { createHash } from 'node:crypto'

// No text, and no data from outside, can carry it.
const made = Symbol('html')

/** HTML that is safe to send; made by {@link html} and {@link trusted} only. */
export type Html = { readonly [made]: true; readonly source: string }

/** Takes text of our own as HTML; never anything that came from outside. *Pure.* */
export function trusted(source: string): Html {
  return { [made]: true, source }
}

type Part = string | number | Html | Part[] | null

/** Builds HTML: every value in it is shown as text, unless it is HTML made by this same function. *Pure.* */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return trusted(strings.map((string, index) => string + render(parts[index] ?? null)).join(''))
}

function render(part: Part): string {
  if (part === null) return ''
  if (Array.isArray(part)) return part.map(render).join('')
  if (typeof part === 'object' && part[made]) return part.source
  return asText(String(part))
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

// Marks that change the direction of text could make one name read as another.
const directionMarks = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function asText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '').replace(directionMarks, '\ufffd')
}

/** The source by which a Content-Security-Policy allows this inline text. *Pure.* */
export function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
