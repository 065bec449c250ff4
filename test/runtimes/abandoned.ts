// A process that starts a model which never ends, and is then killed by its test.
import { join } from 'node:path'
import { openSandbox } from '../../src/runtimes/sandbox.ts'

const fixtures = join(import.meta.dirname, '../fixtures/diabetes')
const data = { file: 'holdout.csv', target: 'progression' }
const limits = { timeoutMs: 60_000, signal: new AbortController().signal }
await openSandbox({ size: 2 }).run({ kind: 'predict', source: 'spin.onnx', roots: [fixtures], data }, limits)
