import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { UnavailableSourceError } from '../../src/artifacts/remote.ts'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { type CheckSubject, runCheck } from '../../src/checks/check.ts'
import { compare } from '../../src/checks/comparison.ts'
import { CheckErroredError } from '../../src/checks/errored.ts'
import { OperatorError } from '../../src/errors.ts'
import type { IncumbentCheck } from '../../src/policy/policy.ts'
import { type ModelSandbox, openSandbox } from '../../src/runtimes/sandbox.ts'
import { folderWith } from '../runtimes/folder.ts'
import { meanModel, writeOnnx } from '../runtimes/onnx-writer.ts'
import { diabetes, environment, published, rossmann, subject } from './subjects.ts'

let sandbox: ModelSandbox
beforeAll(() => {
  sandbox = openSandbox({ size: 2 })
})
afterAll(() => sandbox.close())

const rule: IncumbentCheck = {
  kind: 'incumbent',
  data: 'holdout.csv',
  target: 'Sales',
  metric: 'rmspe',
  direction: 'lower',
  require: 'loss',
  by: { relative: 0.005 },
  timeoutMs: 15_000,
}
const version = (number: number) => subject(`models/rossmann-ensemble-${number}.onnx`, { version: number })
const inRossmann = () => environment(sandbox, { artifactRoots: [rossmann] })

test('when one of the two cannot be run, the other one is not left running', async () => {
  const alone = openSandbox({ size: 1 })
  onTestFinished(() => alone.close())
  const data = { ...rule, target: 'progression', metric: 'rmse' as const, timeoutMs: 60_000 }
  const away = subject('http://127.0.0.1:1/m.onnx', { version: 1 })
  const env = environment(alone, { places: placesBelow(['http://127.0.0.1:1/'], null) })
  await expect(runCheck(data, subject('spin.onnx'), away, env)).rejects.toThrow(UnavailableSourceError)
  const next = runCheck(
    { ...data, timeoutMs: 20_000 },
    subject('good.onnx'),
    subject('good.onnx', { version: 1 }),
    env,
  )
  expect(await next).toMatchObject({ verdict: 'passed' })
})

test('an incumbent that is too far off to be measured is not held against a better version', async () => {
  const answering = (column: string) =>
    writeOnnx({
      inputs: [{ name: 'x', type: 'float64', shape: ['rows', 1] }],
      outputs: [{ name: 'y', type: 'float64', shape: ['rows', 1] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      metadata: { 'greenroom.features': `["${column}"]` },
    })
  const files = { 'far.onnx': answering('far'), 'near.onnx': answering('near') }
  const root = await folderWith({ ...files, 'x.csv': 'far,near,Sales\n1e200,2,1\n1e200,3,2\n' })
  const [far, near] = [subject('far.onnx', { version: 1 }), subject('near.onnx')]
  const measured = (candidate: CheckSubject, incumbent: CheckSubject) =>
    runCheck(
      { ...rule, data: 'x.csv' },
      { ...candidate, version: 2 },
      { ...incumbent, version: 1 },
      environment(sandbox, { artifactRoots: [root] }),
    )
  await expect(measured(near, far)).rejects.toThrow(
    new CheckErroredError('version 1 in Production could not be measured: its rmspe is no finite number'),
  )
  expect(await measured(far, near)).toMatchObject({ verdict: 'failed' })
})

describe('without another version in Production', () => {
  test.each([
    [null, 'there is nothing in Production to compare with'],
    [version(2), 'this version is the one in Production'],
  ])('passes without running a model', async (incumbent, summary) => {
    const finding = await runCheck(rule, version(2), incumbent, environment())
    expect(finding).toEqual({ verdict: 'passed', summary, measured: {}, digest: null })
  })
})

describe('on the real hold-out', () => {
  test('a better version passes, with the figures of both', async () => {
    const finding = await runCheck({ ...rule, require: 'gain' }, version(2), version(1), inRossmann())
    expect(finding).toMatchObject({ verdict: 'passed', digest: published(rossmann, 2).digest })
    expect(finding.summary).toMatch(
      /^rmspe 0\.\d+ is 0\.\d+ better than version 1's 0\.\d+ on 800 rows; at least 0\.5 % \(0\.\d+\) better is required$/,
    )
    const { metric, rows, candidate, incumbent, change, allowed } = finding.measured as Record<string, number>
    expect([metric, rows]).toEqual(['rmspe', 800])
    const [first = 0, second = 0] = [1, 2].map((number) => published(rossmann, number).metrics.rmspe)
    expect(candidate).toBeCloseTo(second, 4)
    expect(incumbent).toBeCloseTo(first, 4)
    expect(change).toBeCloseTo(first - second, 4)
    expect(allowed).toBeCloseTo(first * 0.005, 6)
  })

  test('a worse version fails, with the figures that say why', async () => {
    const finding = await runCheck(rule, version(3), version(2), inRossmann())
    expect(finding).toMatchObject({ verdict: 'failed', digest: published(rossmann, 3).digest })
    expect(finding.summary).toMatch(
      /^rmspe 0\.\d+ is 0\.\d+ worse than version 2's 0\.\d+ on 800 rows; at most 0\.5 % \(0\.\d+\) worse is allowed$/,
    )
  })

  test('is worded as it is measured', () => {
    const about = { rows: 842, version: 2 }
    expect(compare(rule, { candidate: 0.312, incumbent: 0.271 }, about).summary).toBe(
      "rmspe 0.312 is 0.041 worse than version 2's 0.271 on 842 rows; at most 0.5 % (0.001355) worse is allowed",
    )
  })

  test('r2 is better when higher', async () => {
    const inDiabetes = { ...rule, target: 'progression', metric: 'r2', direction: 'higher' } as const
    const [good, worse] = [subject('good.onnx', { version: 1 }), subject('worse.onnx')]
    const finding = await runCheck(inDiabetes, worse, good, environment(sandbox))
    expect(finding).toMatchObject({
      verdict: 'failed',
      summary: expect.stringMatching(/^r2 0\.\d+ is 0\.\d+ worse than version 1's/),
    })
  })
})

describe("what is the candidate's fault fails", () => {
  const data = { ...rule, target: 'progression', metric: 'rmse' as const }
  const good = subject('good.onnx', { version: 1 })

  test.each([
    ['nan.onnx', 'the model answers NaN for row 1 of holdout.csv'],
    ['wrong-shape.onnx', 'takes 7 columns'],
    ['not-onnx.onnx', 'the model does not load'],
    ['gone.onnx', 'there is no file or folder gone.onnx'],
  ])('%s: %s', async (source, summary) => {
    const finding = await runCheck(data, subject(source), good, environment(sandbox))
    expect(finding).toMatchObject({ verdict: 'failed', summary: expect.stringContaining(summary) })
  })

  test('no answer in time', async () => {
    const finding = await runCheck(
      { ...data, timeoutMs: 4000 },
      subject('spin.onnx'),
      good,
      environment(sandbox),
    )
    expect(finding).toMatchObject({ verdict: 'failed', summary: 'the model did not answer within 4 s' })
  })
})

describe("what is not the candidate's fault is an error", () => {
  const data = { ...rule, target: 'progression', metric: 'rmse' as const }
  const good = subject('good.onnx')

  test.each([
    ['gone.onnx', 'version 1 in Production could not be measured: there is no file or folder gone.onnx'],
    ['not-onnx.onnx', 'version 1 in Production could not be measured: the model does not load'],
    ['nan.onnx', 'version 1 in Production could not be measured: it does not answer with finite numbers'],
  ])('an incumbent that is unusable: %s', async (source, message) => {
    const checking = runCheck(data, good, subject(source, { version: 1 }), environment(sandbox))
    await expect(checking).rejects.toThrow(message)
    await expect(checking).rejects.toThrow(CheckErroredError)
  })

  test('an incumbent whose artifact is not the recorded one any more', async () => {
    const root = await folderWith({})
    await copyFile(join(diabetes, 'worse.onnx'), join(root, 'one.onnx'))
    const digest = `sha256:${'0'.repeat(64)}`
    const incumbent = subject('one.onnx', { version: 1, digest })
    const env = environment(sandbox, { artifactRoots: [root, diabetes] })
    await expect(runCheck(data, good, incumbent, env)).rejects.toThrow(
      /^the artifact of version 1 in Production has digest sha256:[1-9a-f]\S+, not sha256:0+ as recorded$/,
    )
  })

  test('a hold-out that is missing, or on which the metric is undefined', async () => {
    const root = await folderWith({ 'm.onnx': meanModel(2), 'zeros.csv': 'a,b,y\n1,2,0\n3,4,0\n' })
    const env = environment(sandbox, { artifactRoots: [root] })
    const [one, two] = [subject('m.onnx', { version: 1 }), subject('m.onnx')]
    const on = (file: string, metric: 'rmspe' | 'r2') => {
      return runCheck({ ...rule, data: file, target: 'y', metric }, two, one, env)
    }
    await expect(on('gone.csv', 'r2')).rejects.toThrow(OperatorError)
    await expect(on('zeros.csv', 'rmspe')).rejects.toThrow('rmspe is undefined on zeros.csv: every y is 0')
    await expect(on('zeros.csv', 'r2')).rejects.toThrow('r2 is undefined on zeros.csv: every y is the same')
  })
})

describe('the limit', () => {
  const about = { rows: 10, version: 1 }
  const judged = (part: Partial<IncumbentCheck>, candidate: number, incumbent: number) =>
    compare({ ...rule, ...part }, { candidate, incumbent }, about)

  test.each<[Partial<IncumbentCheck>, number, number, string]>([
    [{ require: 'loss', by: { absolute: 0.1 } }, 0.5, 0.4, 'passed'],
    [{ require: 'loss', by: { absolute: 0.1 } }, 0.5001, 0.4, 'failed'],
    [{ require: 'loss', by: { absolute: 0 } }, 0.4, 0.4, 'passed'],
    [{ require: 'loss', by: { relative: 0.05 } }, 105, 100, 'passed'],
    [{ require: 'loss', by: { relative: 0.05 } }, 105.01, 100, 'failed'],
    [{ require: 'gain', by: { absolute: 0.1 } }, 0.4, 0.5, 'passed'],
    [{ require: 'gain', by: { absolute: 0.1 } }, 0.4001, 0.5, 'failed'],
    [{ require: 'gain', by: { absolute: 0 } }, 0.5, 0.5, 'passed'],
    [{ require: 'gain', by: { relative: 0.1 } }, 90, 100, 'passed'],
    [{ require: 'gain', by: { relative: 0.1 }, direction: 'higher' }, 110, 100, 'passed'],
    [{ require: 'gain', by: { relative: 0.1 }, direction: 'higher' }, 109.9, 100, 'failed'],
    [{ require: 'loss', by: { relative: 0.1 }, direction: 'higher' }, -1.1, -1, 'passed'],
    [{ require: 'loss', by: { relative: 0.1 }, direction: 'higher' }, -1.11, -1, 'failed'],
    [{ require: 'loss', by: { absolute: 1 } }, Number.POSITIVE_INFINITY, 1, 'failed'],
  ])('%j: %f against %f %s', (part, candidate, incumbent, verdict) => {
    expect(judged(part, candidate, incumbent).verdict).toBe(verdict)
  })

  test('is worded in the unit of the metric and as it was written', () => {
    const absolute = judged({ require: 'gain', by: { absolute: 50 }, metric: 'rmse' }, 1400.4, 1400.4)
    expect(absolute.summary).toBe(
      "rmse 1400 is equal to version 1's 1400 on 10 rows; at least 50 better is required",
    )
  })

  const figure = fc.double({ min: 1e-3, max: 1e6, noNaN: true })

  test('a better candidate never fails where a worse one passes', () => {
    const limits = fc.record({
      direction: fc.constantFrom('lower' as const, 'higher' as const),
      require: fc.constantFrom('gain' as const, 'loss' as const),
      by: fc.oneof(
        fc.record({ absolute: figure }),
        fc.record({ relative: fc.double({ min: 0, max: 1, noNaN: true }) }),
      ),
    })
    fc.assert(
      fc.property(limits, figure, figure, figure, (part, one, other, incumbent) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)]
        const [better, worse] = part.direction === 'lower' ? [low, high] : [high, low]
        const passes = (candidate: number) => judged(part, candidate, incumbent).verdict === 'passed'
        expect(passes(better) || !passes(worse)).toBe(true)
      }),
    )
  })

  test('equality with the limit passes, whatever the fractions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 0, max: 1e6 }), (incumbent, by) => {
        const part = { require: 'loss' as const, by: { absolute: by / 1000 } }
        expect(judged(part, (incumbent + by) / 1000, incumbent / 1000).verdict).toBe('passed')
        expect(judged(part, (incumbent + by + 1) / 1000, incumbent / 1000).verdict).toBe('failed')
      }),
    )
  })
})
