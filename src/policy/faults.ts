import { OperatorError } from '../errors.ts'

/** Where something stands in a file; both count from 1. */
export type Place = { line: number; column: number }

/** One thing wrong with a policy file, with what to do about it. */
export type Fault = Place & { message: string }

/**
 * The error that names all faults, one per line as `file:line:column message`, in the order of the file. What a message
 * quotes of the file may break lines or control a terminal; here it does neither. *Pure.*
 */
export function faultsError(file: string, faults: readonly Fault[]): OperatorError {
  const inOrder = faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const lines = inOrder.map(({ line, column, message }) => `${file}:${line}:${column} ${escaped(message)}`)
  return new OperatorError(lines.join('\n'))
}

// As it can be written in double quotes.
function escaped(message: string): string {
  return message.replaceAll(/(?!\t)[\p{Cc}\p{Zl}\p{Zp}]/gu, (sign) =>
    sign === '\n' ? '\\n' : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
