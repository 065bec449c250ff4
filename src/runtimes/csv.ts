import { OperatorError } from '../errors.ts'

/** One record of a CSV text, with the line on which it begins, counted from 1. */
export type CsvRecord = { line: number; cells: string[] }

// A quoted cell, in which a doubled quote stands for one, or a plain one; then what ends it.
const cell = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r\n|\n|\r|$)/y
const lineEnd = /\r\n|\n|\r/g

/**
 * The records of a CSV text (RFC 4180; lines may end as on any system; empty lines are skipped), lazily.
 * Throws OperatorError, naming `file` and the line, where a quote is out of place. *Pure.*
 */
export function* parseCsv(text: string, file: string): Generator<CsvRecord> {
  let line = 1
  let record: CsvRecord = { line, cells: [] }
  for (let at = 0; at < text.length || record.cells.length > 0; ) {
    cell.lastIndex = at
    const match = cell.exec(text)
    if (match === null) throw new OperatorError(`${file} line ${line}: a quote (") is out of place`)
    const [whole, quoted, plain = '', end] = match
    at += whole.length
    line += whole.match(lineEnd)?.length ?? 0
    record.cells.push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === ',') continue
    const isEmptyLine = record.cells.length === 1 && quoted === undefined && plain === ''
    if (!isEmptyLine) yield record
    record = { line, cells: [] }
  }
}
