import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCheck } from '../../src/checks/check.ts'
import { CheckErroredError } from '../../src/checks/errored.ts'
import { judge } from '../../src/checks/smoke.ts'
import { OperatorError } from '../../src/errors.ts'
import type { SmokeCheck } from '../../src/policy/policy.ts'
import { type ModelSandbox, openSandbox } from '../../src/runtimes/sandbox.ts'
import { folderWith } from '../runtimes/folder.ts'
import { meanModel } from '../runtimes/onnx-writer.ts'
import { diabetes, environment, published, rossmann, subject } from './subjects.ts'

let sandbox: ModelSandbox
beforeAll(() => {
  sandbox = openSandbox({ size: 2, memoryBytes: 500e6 })
})
afterAll(() => sandbox.close())

const rule: SmokeCheck = {
  kind: 'smoke',
  data: join(diabetes, 'holdout.csv'),
  target: 'progression',
  p95Ms: null,
  timeoutMs: 15_000,
}

test('passes on a sound model, with its speed and the digest of what was loaded', async () => {
  const second = published(rossmann, 2)
  const limited = { ...rule, data: 'holdout.csv', target: 'Sales', p95Ms: 5000 }
  const roots = { artifactRoots: [rossmann] }
  const finding = await runCheck(limited, subject(second.file), null, environment(sandbox, roots))
  expect(finding).toMatchObject({ verdict: 'passed', digest: second.digest, measured: { rows: 256 } })
  expect(finding.summary).toMatch(
    /^finite answers for 256 rows; one row takes [\d.]+ ms \(p95\); at most 5 s is allowed$/,
  )
  const { loadMs, p50Ms, p95Ms } = finding.measured as Record<string, number>
  expect(loadMs).toBeGreaterThan(0)
  expect(p95Ms).toBeGreaterThanOrEqual(p50Ms ?? 0)
})

test('passes without data, on zeros', async () => {
  const finding = await runCheck(
    { ...rule, data: null, target: null },
    subject('good.onnx'),
    null,
    environment(sandbox),
  )
  expect(finding).toMatchObject({ verdict: 'passed', measured: { rows: 1 } })
})

test.each([
  ['nan.onnx', 'the model answers NaN for row 1 of 111'],
  ['wrong-shape.onnx', "the model's input features takes 7 columns, but besides the target, "],
  ['wrong-shape.onnx', 'has 10: age, sex, bmi, bp, s1, s2, s3, s4, s5, s6'],
  ['not-onnx.onnx', 'the model does not load: Failed to load model because protobuf parsing failed.'],
  ['holdout.csv', 'the model does not load: '],
  ['gone.onnx', 'there is no file or folder gone.onnx'],
  [
    's3://bucket/model.onnx',
    'is not among the places that models may be read from (GREENROOM_ARTIFACT_URLS)',
  ],
])('fails on %s: %s', async (source, summary) => {
  const finding = await runCheck(rule, subject(source), null, environment(sandbox))
  expect(finding).toMatchObject({ verdict: 'failed', summary: expect.stringContaining(summary) })
})

test('fails on a model that does not answer in time', async () => {
  const finding = await runCheck(
    { ...rule, timeoutMs: 1500 },
    subject('spin.onnx'),
    null,
    environment(sandbox),
  )
  expect(finding).toMatchObject({
    verdict: 'failed',
    summary: 'the model did not answer within 1.5 s',
    digest: null,
  })
})

test('errors on a model that takes all memory', async () => {
  const checking = runCheck(rule, subject('bloat.onnx'), null, environment(sandbox))
  await expect(checking).rejects.toThrow(
    new CheckErroredError("the model's process ran out of memory at 0.5 GB"),
  )
})

test('errors when the process ends by itself', async () => {
  const ended = { run: async () => ({ kind: 'ended', how: 'with SIGSEGV' }) as const, close: async () => {} }
  const checking = runCheck(rule, subject('good.onnx'), null, environment(ended))
  await expect(checking).rejects.toThrow(new CheckErroredError("the model's process ended with SIGSEGV"))
})

test("is the operator's to mend when the sample is not there, not numeric or has no such target", async () => {
  const root = await folderWith({ 'bad.csv': 'a,b\n1,x\n', 'm.onnx': meanModel(2) })
  const env = environment(sandbox, { artifactRoots: [root] })
  for (const [data, target, message] of [
    ['gone.csv', null, `there is no file gone.csv; looked for ${root}/gone.csv`],
    ['/gone.csv', null, 'there is no file /gone.csv; put it there, or correct the path in the policy'],
    ['bad.csv', null, 'bad.csv line 2, column b: "x" is not a number'],
    ['bad.csv', 'B', 'bad.csv has no column "B"; it has a, b'],
  ] as const) {
    const checking = runCheck({ ...rule, data, target }, subject('m.onnx'), null, env)
    await expect(checking).rejects.toThrow(new OperatorError(message))
  }
})

test('a cancelled check ends with the reason of its cancellation', async () => {
  const cancelling = new AbortController()
  const env = environment(sandbox, { signal: cancelling.signal })
  const checking = runCheck(rule, subject('spin.onnx'), null, env)
  setTimeout(() => cancelling.abort(new Error('superseded')), 300)
  await expect(checking).rejects.toThrow('superseded')
})

describe('the limit for the 95th percentile', () => {
  const ran = {
    kind: 'measured' as const,
    digest: `sha256:${'0'.repeat(64)}`,
    loadMs: 12.34567,
    rows: 256,
    notFinite: null,
    latenciesMs: Float64Array.from({ length: 100 }, (_, i) => i + 1),
  }

  test('is kept by equality, broken by more, and named in the sentence', () => {
    const measured = { loadMs: 12.346, rows: 256, p50Ms: 50, p95Ms: 95 }
    expect(judge(ran, 95)).toMatchObject({ verdict: 'passed', measured })
    expect(judge(ran, 94.9)).toMatchObject({
      verdict: 'failed',
      summary: 'one row takes 95 ms (p95); at most 94.9 ms is allowed',
      measured,
    })
    expect(judge(ran, null)).toMatchObject({
      verdict: 'passed',
      summary: 'finite answers for 256 rows; one row takes 95 ms (p95)',
    })
  })
})
