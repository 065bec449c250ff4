// Text that others wrote, made fit to be shown (R29, R32). What a channel then does to keep it from being
// read as markup is the channel's own affair.

// Characters that show nothing or turn the text around them: bidi controls, zero-width characters, fillers.
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu
const breaks = /\r\n?|[\n\v\f\u0085\u2028\u2029]/gu
const marksPiledUp = /(\p{M}{4})\p{M}+/gu

/** What stands for a text of which nothing can be shown. */
const nothing = '(unprintable)'

/**
 * One line of at most `max` characters (UTF-16 units, at least 1), in which every character can be seen and none
 * reorders the line; what is cut off shows as `…`. Never empty. *Pure.*
 */
export function oneLine(text: string, max: number): string {
  const line = clean(text, max).replace(/\s+/gu, ' ').trim()
  return cut(line === '' ? nothing : line, max)
}

/** As {@link oneLine}, but keeps the text's lines; blank ones are dropped. *Pure.* */
export function lines(text: string, max: number): string {
  const kept = clean(text, max)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n')
  return cut(kept === '' ? nothing : kept, max)
}

/** The text with every character that is not plainly visible spelled out, as `\u{1b}`; one line. *Pure.* */
export function spelledOut(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('\n', '\\n')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (character) => {
      return `\\u{${character.codePointAt(0)?.toString(16)}}`
    })
}

/** The text, or its beginning and `…` when it is longer than `max` UTF-16 units. *Pure.* */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  // A cut between the halves of a surrogate pair would leave half a character.
  const end = /[\uD800-\uDBFF]/.test(text.charAt(max - 2)) ? max - 2 : max - 1
  return `${text.slice(0, end).trimEnd()}…`
}

/** Names as a sentence holds them: `anna, ben and carol`; beyond `most` of them `and 7 more`. *Pure.* */
export function nameList(names: readonly string[], most: number, word: 'and' | 'or' = 'and'): string {
  if (names.length > most) return `${names.slice(0, most).join(', ')} ${word} ${names.length - most} more`
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`
}

// Cleaning a megabyte to show a line of it would be work for nothing; what is dropped unseen rarely exceeds this.
function clean(text: string, max: number): string {
  return text
    .slice(0, max * 8 + 64)
    .toWellFormed()
    .replace(breaks, '\n')
    .replace(unseen, '')
    .replace(/[^\P{Cc}\n]/gu, ' ')
    .replace(marksPiledUp, '$1')
}
