import { OperatorError } from '../errors.ts'

/** Where something stands in a file; both count from 1. */
export type Place = { line: number; column: number }

/** One thing wrong with a policy file, with what to do about it. */
export type Fault = Place & { message: string }

/** The error that names all faults, one per line as `file:line:column message`, in the order of the file. *Pure.* */
export function faultsError(file: string, faults: readonly Fault[]): OperatorError {
  const inOrder = faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return new OperatorError(inOrder.map((f) => `${file}:${f.line}:${f.column} ${f.message}`).join('\n'))
}
