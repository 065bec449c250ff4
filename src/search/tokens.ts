// The words of a filter. One pass and no backtracking, so time grows with length alone (R26).

/**
 * `name`: an identifier or keyword, its parts possibly quoted; `text`: something in quotes; `mark`: one of `( ) , ;`
 * or a quote that is never closed.
 */
export type Token = {
  kind: 'name' | 'text' | 'number' | 'operator' | 'mark'
  text: string
  start: number
  end: number
}

const space = /\s/
const number = /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i
const quotes = '\'"`'
const operators = '=<>!~'
const marks = '(),;'

/** Splits a filter into tokens; whatever it holds, every character but space is in one of them. *Pure.* */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < source.length) {
    const start = at
    const first = source.charAt(at)
    if (space.test(first)) {
      at += 1
    } else if (marks.includes(first)) {
      at += 1
      tokens.push({ kind: 'mark', text: first, start, end: at })
    } else if (operators.includes(first)) {
      while (at < source.length && operators.includes(source.charAt(at))) at += 1
      tokens.push({ kind: 'operator', text: source.slice(start, at), start, end: at })
    } else {
      at = endOfWord(source, start)
      const text = source.slice(start, at)
      tokens.push({ kind: kindOfWord(text), text, start, end: at })
    }
  }
  return tokens
}

/** What a quoted text holds; null when `text` is not one quoted text. *Pure.* */
export function unquote(text: string, accepted = quotes): string | null {
  const isQuoted = accepted.includes(text.charAt(0)) && endOfQuoted(text, 0) === text.length
  return isQuoted ? text.slice(1, -1) : null
}

function kindOfWord(text: string): Token['kind'] {
  if (text.length === 1 && quotes.includes(text)) return 'mark'
  if (unquote(text, '\'"') !== null) return 'text'
  return number.test(text) ? 'number' : 'name'
}

// A word is a run of characters; after a dot it goes on with what is in quotes, and after a quote with a dot.
function endOfWord(source: string, start: number): number {
  let at = start
  for (;;) {
    if (quotes.includes(source.charAt(at))) {
      const end = endOfQuoted(source, at)
      if (end === null) return at === start ? at + 1 : at
      at = end
      if (source[at] !== '.') return at
    } else {
      at = endOfRun(source, at)
      if (at === source.length || source[at - 1] !== '.' || !quotes.includes(source.charAt(at))) return at
    }
  }
}

function endOfRun(source: string, start: number): number {
  let at = start
  while (at < source.length && !isDelimiter(source.charAt(at))) at += 1
  return at
}

function isDelimiter(character: string): boolean {
  return (
    quotes.includes(character) ||
    operators.includes(character) ||
    marks.includes(character) ||
    space.test(character)
  )
}

// As in MLflow a doubled quote does not end the text, and both stay in it; a backslash is a character like any other.
function endOfQuoted(source: string, start: number): number | null {
  const quote = source.charAt(start)
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] !== quote) continue
    if (source[at + 1] !== quote) return at + 1
    at += 1
  }
  return null
}
