// Page tokens name the last row that was given, not how many were: a page deep down costs as much as the first, and
// what is added or deleted meanwhile moves no row from one page to another (R28).
import { z } from 'zod'
import { sha256 } from '../canonical-json.ts'
import { SearchSyntaxError } from './syntax-error.ts'
import type { SortField } from './vocabulary.ts'

/** What a row has in the fields of an order; a time as ISO text with microseconds, in UTC. */
export type Position = (string | number)[]

const format = 1
const maxLength = 4_096
const content = z.tuple([z.literal(format), z.string(), z.array(z.union([z.string(), z.number()]))])
const time = z.iso.datetime({ precision: 6 })
const valueShapes: Record<SortField, z.ZodType<string | number>> = {
  name: z.string().refine((name) => !name.includes('\0') && name.isWellFormed()),
  version_number: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  creation_timestamp: time,
  last_updated_timestamp: time,
}

/** The token of the page after a row; `query` is all that makes a search the same on every page. *Pure.* */
export function writePageToken(query: object, position: Position): string {
  const text = JSON.stringify([format, digestOf(query, position), position])
  return Buffer.from(text).toString('base64url')
}

/**
 * Reads a token of {@link writePageToken}, for the same query and with its position as it was written; `fields` are
 * those of the order. Throws SearchSyntaxError. *Pure.*
 */
export function readPageToken(token: string, query: object, fields: readonly SortField[]): Position {
  if (token.length > maxLength || !/^[\w-]+$/.test(token))
    throw new SearchSyntaxError('Invalid page token, could not base64-decode')
  const parsed = content.safeParse(parse(Buffer.from(token, 'base64url').toString()))
  if (!parsed.success) throw strange()
  const [, digest, position] = parsed.data
  const fits =
    position.length === fields.length &&
    fields.every((field, index) => valueShapes[field].safeParse(position[index]).success)
  if (!fits || digest !== digestOf(query, position)) throw strange()
  return position
}

function digestOf(query: object, position: Position): string {
  return sha256(JSON.stringify([query, position])).slice('sha256:'.length, 'sha256:'.length + 32)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function strange(): SearchSyntaxError {
  return new SearchSyntaxError(
    'Invalid page token. It must be the next_page_token that this search was answered with, with the same filter and order_by.',
  )
}
