// What several commands take, and how what is typed becomes a value. A value that cannot be is a usage error.
import { InvalidArgumentError, Option } from 'commander'
import { parseAddress } from '../client/settings.ts'
import { parseDuration } from '../duration.ts'

/** What every command that calls the server takes. */
export type CallOptions = { url?: string; json?: boolean }

/** `--url`, over GREENROOM_URL. */
export function urlOption(): Option {
  return new Option('--url <url>', 'where the server is (GREENROOM_URL)').argParser(parseUrl)
}

/** `--json`, for machines. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document')
}

/** `--version N`, a version of a model. */
export function versionOption(meaning: string): Option {
  return new Option('--version <number>', meaning).argParser(parseVersion)
}

/** `--reason`, in a person's words. */
export function reasonOption(meaning: string): Option {
  return new Option('--reason <text>', meaning)
}

function parseUrl(text: string): string {
  try {
    return parseAddress(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** A version number. Throws InvalidArgumentError. *Pure.* */
export function parseVersion(text: string): number {
  return parseWholeNumber(text, 2 ** 31 - 1)
}

/** How many of something to show. Throws InvalidArgumentError. *Pure.* */
export function parseLimit(text: string): number {
  return parseWholeNumber(text, 1_000_000)
}

/** A duration, as it was written. Throws InvalidArgumentError. *Pure.* */
export function parseExpiry(text: string): string {
  if (parseDuration(text) !== null) return text
  throw new InvalidArgumentError('It must be a duration such as 12h or 30d.')
}

function parseWholeNumber(text: string, max: number): number {
  const number = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`)
}

/** Adds one `key=value` to those before it. Throws InvalidArgumentError. *Pure.* */
export function collectTag(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [key, value] = splitPair(text, before)
  return { ...before, [key]: value }
}

/** Adds one `key=number` to those before it. Throws InvalidArgumentError. *Pure.* */
export function collectMetric(text: string, before: Record<string, number> = {}): Record<string, number> {
  const [key, value] = splitPair(text, before)
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (Number.isFinite(number)) return { ...before, [key]: number }
  throw new InvalidArgumentError('It must be a name, "=" and a number, such as rmspe=0.14.')
}

function splitPair(text: string, before: object): [key: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be a name, "=" and a value, such as team=forecast.')
  const key = text.slice(0, at)
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`"${key}" is given twice.`)
  return [key, text.slice(at + 1)]
}
