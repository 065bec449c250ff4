// What a version's source says, before anything is opened.

/** The source cannot be read as it is; the message is a sentence about it, fit for the people who registered it. */
export class UnreadableSourceError extends Error {
  override name = 'UnreadableSourceError'
}

/** The source lies in a kind of place that is not read from here. */
export class UnsupportedSourceError extends UnreadableSourceError {
  override name = 'UnsupportedSourceError'
}

const maxLength = 4096
const scheme = /^([a-z][a-z0-9+.-]*):/i
// Either no host, or an empty one, or this one; then an absolute path.
const fileUrl = /^file:(?:\/\/(?:localhost)?(?=\/)|(?!\/\/))(\/[^?#]*)$/i

/**
 * The path that a local source names: a plain path, absolute or not, or a `file:` URL. Throws UnsupportedSourceError
 * on other schemes, and UnreadableSourceError on a path that is written to lead elsewhere than it seems (R15). *Pure.*
 */
export function pathOf(source: string): string {
  const named = schemeOf(source)
  if (named !== null && named !== 'file')
    throw new UnsupportedSourceError(
      `${named}: sources cannot be read here; register a path or a file: URL, ` +
        'or take the checks that read the artifact out of the policy of this model',
    )
  refuseDisguise(source)
  return named === null ? source : pathOfUrl(source)
}

/** The scheme that a source names, in lower case; null for a plain path. Throws UnreadableSourceError. *Pure.* */
export function schemeOf(source: string): string | null {
  if (source.trim() === '')
    throw new UnreadableSourceError('the source is empty; it must be a path or a file: URL')
  if (source.length > maxLength)
    throw new UnreadableSourceError(`the source is longer than ${maxLength} characters`)
  return scheme.exec(source)?.[1]?.toLowerCase() ?? null
}

/** Throws UnreadableSourceError on a source that leads elsewhere than it seems, however often encoded (R15). *Pure.* */
export function refuseDisguise(source: string): void {
  const what = disguiseIn(decodeFully(source))
  if (what !== null)
    throw new UnreadableSourceError(`the source ${JSON.stringify(source)} must not hold ${what}`)
}

/** What in a fully decoded source makes it lead elsewhere than it seems (R15); null when there is nothing. *Pure.* */
export function disguiseIn(decoded: string): string | null {
  if (decoded.split('/').includes('..')) return '".." as a part of its path'
  if (decoded.includes('\\')) return 'a backslash'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\0-\x1f\x7f]/.test(decoded) ? 'control characters' : null
}

/**
 * A source with its percent-encodings undone until none is left. Byte by byte, so that one byte that is not UTF-8
 * cannot hide the rest; ends because each round is shorter. *Pure.*
 */
export function decodeFully(text: string): string {
  const decoded = text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return decoded === text ? text : decodeFully(decoded)
}

function pathOfUrl(source: string): string {
  const [, path] = fileUrl.exec(source) ?? []
  try {
    if (path !== undefined) return decodeURIComponent(path)
  } catch {
    // Not UTF-8 behind the percent signs: refused like any other malformed URL.
  }
  throw new UnreadableSourceError(
    `the source ${JSON.stringify(source)} is not a file: URL of this machine, such as file:///models/model.onnx`,
  )
}
