import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ModelAnswer } from '../../src/runtimes/model-task.ts'
import { performTask } from '../../src/runtimes/predict.ts'
import { folderWith } from './folder.ts'
import { floats, meanModel, writeOnnx } from './onnx-writer.ts'

const data = 'a,b,y\n1,3,2\n2,4,3\n5,7,6\n'
const mlmodel =
  'flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.18.0\n  python_function:\n    env: {}\n'

describe('predicting', () => {
  test('gives one number for each row, with the digests of model and data', async () => {
    const answer = await predict({ 'm.onnx': meanModel(2) })
    expect(answer).toMatchObject({
      kind: 'predicted',
      predicted: Float64Array.of(2, 3, 6),
      actual: Float64Array.of(2, 3, 6),
    })
    expect(answer).toMatchObject({
      digest: expect.stringMatching(/^sha256:/),
      dataDigest: expect.stringMatching(/^sha256:/),
    })
  })

  test('gives a model its columns in the order that its metadata names', async () => {
    const first = writeOnnx({
      inputs: [{ name: 'x', shape: ['rows', 1] }],
      outputs: [{ name: 'y', shape: ['rows', 1] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      metadata: { 'greenroom.features': '["b"]' },
    })
    expect(await predict({ 'm.onnx': first })).toMatchObject({ predicted: Float64Array.of(3, 4, 7) })
  })

  test('takes more rows than a model takes at once, or fewer', async () => {
    for (const rows of [1, 2, 4])
      expect(await predict({ 'm.onnx': meanModel(2, {}, rows) })).toMatchObject({
        predicted: Float64Array.of(2, 3, 6),
      })
    const many = Array.from({ length: 5000 }, (_, i) => i)
    const csv = `a,b,y\n${many.map((i) => `${i},${i},0`).join('\n')}`
    expect(await predict({ 'm.onnx': meanModel(2), 'x.csv': csv })).toMatchObject({
      predicted: Float64Array.from(many),
    })
  })

  test('feeds one input per column, in the types that the model wants', async () => {
    const sum = writeOnnx({
      inputs: [
        { name: 'b', type: 'int64', shape: ['rows', 1] },
        { name: 'a', type: 'int64', shape: ['rows', 1] },
      ],
      outputs: [{ name: 'sum', type: 'int64', shape: ['rows', 1] }],
      nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] }],
    })
    expect(await predict({ 'm.onnx': sum })).toMatchObject({ predicted: Float64Array.of(4, 6, 12) })
  })

  test('reads the weights of an MLflow model from the file beside it', async () => {
    const scaled = writeOnnx({
      inputs: [{ name: 'x', shape: ['rows', 2] }],
      outputs: [{ name: 'y', shape: ['rows', 1] }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      constants: [{ name: 'w', values: [1, 10], shape: [2, 1], file: 'weights.bin' }],
    })
    const files = {
      'm.onnx/MLmodel': mlmodel,
      'm.onnx/model.onnx': scaled,
      'm.onnx/weights.bin': floats([1, 10]),
    }
    expect(await predict(files)).toMatchObject({ predicted: Float64Array.of(31, 42, 75) })
  })

  test('finds the only .onnx file of a folder', async () => {
    const files = { 'm.onnx/deep/any.onnx': meanModel(2), 'm.onnx/README.md': '' }
    expect(await predict(files)).toMatchObject({ kind: 'predicted' })
  })
})

describe('a model is unusable, in one sentence, when', () => {
  const wide = { inputs: [{ name: 'x', shape: ['rows', 2] }], outputs: [{ name: 'y', shape: ['rows', 2] }] }
  const identity = { op: 'Identity', inputs: ['x'], outputs: ['y'] }
  const text = [{ name: 'x', type: 'string' as const, shape: ['rows', 2] }]

  test.each<[string, Record<string, string | Uint8Array>, string]>([
    [
      'it takes other columns',
      { 'm.onnx': meanModel(7) },
      'takes 7 columns, but besides the target, x.csv has 2: a, b',
    ],
    [
      'its metadata is no list',
      { 'm.onnx': meanModel(2, { 'greenroom.features': 'a' }) },
      'is not a JSON list',
    ],
    [
      'it answers with two numbers for a row',
      { 'm.onnx': writeOnnx({ ...wide, nodes: [identity] }) },
      'in shape [3, 2]',
    ],
    ['its bytes are noise', { 'm.onnx': Buffer.alloc(64, 0xff) }, 'the model does not load: '],
    [
      'its format is newer than the runtime',
      { 'm.onnx': Buffer.concat([meanModel(2), Buffer.from([1 * 8, 99])]) },
      'the model does not load: Unsupported model IR version: 99, max supported IR version: ',
    ],
    [
      'its operators are newer than the runtime',
      { 'm.onnx': Buffer.concat([meanModel(2), Buffer.from([8 * 8 + 2, 4, 8 + 2, 0, 2 * 8, 99])]) },
      'Opset 99 is under development and support for this is limited',
    ],
    ['its file is empty', { 'm.onnx': '' }, 'the model does not load: '],
    ['it takes text', { 'm.onnx': writeOnnx({ ...wide, inputs: text, nodes: [] }) }, 'the model'],
    [
      'an operator is unknown',
      { 'm.onnx': writeOnnx({ ...wide, nodes: [{ ...identity, op: 'Nope' }] }) },
      'does not load',
    ],
    ['the folder holds no model', { 'm.onnx/a.txt': '' }, 'holds no .onnx file and no MLmodel'],
    ['the folder holds two models', { 'm.onnx/a.onnx': '', 'm.onnx/b.onnx': '' }, 'holds 2 .onnx files'],
    [
      'MLmodel names nothing there',
      { 'm.onnx/MLmodel': mlmodel },
      'names "model.onnx", which the folder does not hold',
    ],
    [
      'MLmodel leads out of its folder',
      { 'm.onnx/MLmodel': mlmodel.replace('model.onnx', '../x.csv') },
      'does not hold',
    ],
    ['MLmodel has another flavor', { 'm.onnx/MLmodel': 'flavors: {sklearn: {}}' }, 'has no onnx flavor'],
    ['MLmodel is not YAML', { 'm.onnx/MLmodel': '{[' }, 'has no onnx flavor'],
    ['nothing is there', {}, 'there is no file or folder m.onnx'],
  ])('%s', async (_, files, message) => {
    const answer = await predict(files)
    expect(answer.kind).toBe('unusable')
    expect('message' in answer && answer.message).toContain(message)
    if (!('m.onnx' in files)) return
    expect(answer).toMatchObject({ digest: expect.stringMatching(/^sha256:/) })
  })
})

test('a model that takes text is at fault for that, whatever its column holds', async () => {
  const takesText = writeOnnx({
    inputs: [
      { name: 'a', type: 'string', shape: ['rows', 1] },
      { name: 'b', shape: ['rows', 1] },
    ],
    outputs: [{ name: 'y', shape: ['rows', 1] }],
    nodes: [{ op: 'Identity', inputs: ['b'], outputs: ['y'] }],
  })
  for (const cell of ['holiday', '1'])
    expect(await predict({ 'm.onnx': takesText, 'x.csv': `a,b,y\n${cell},1,2\n` })).toMatchObject({
      kind: 'unusable',
      message: "the model's input a takes string, which numbers cannot be turned into",
    })
})

describe('a model that takes whole numbers', () => {
  const sumOf = (type: 'int64' | 'int32' | 'uint8') =>
    writeOnnx({
      inputs: ['a', 'b'].map((name) => ({ name, type, shape: ['rows', 1] })),
      outputs: [{ name: 'sum', type, shape: ['rows', 1] }],
      nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] }],
    })

  test.each<['int64' | 'int32' | 'uint8', string]>([
    ['int64', '0.5'],
    ['int64', '9223372036854775808'],
    ['int32', '2147483648'],
    ['uint8', '256'],
    ['uint8', '-1'],
  ])('of type %s is never given another number in the place of %s', async (type, cell) => {
    const answer = await predict({ 'm.onnx': sumOf(type), 'x.csv': `a,b,y\n1,1,2\n1,${cell},2\n` })
    const message = `the model's input b takes ${type}, which cannot be ${Number(cell)}`
    expect(answer).toMatchObject({ kind: 'unusable', message })
  })

  test.each<['int64' | 'int32' | 'uint8', string, number]>([
    ['int64', '-9223372036854775808', -(2 ** 63)],
    ['int64', '9007199254740992', 2 ** 53],
    ['int32', '-2147483648', -(2 ** 31)],
    ['uint8', '255.0', 255],
  ])('of type %s takes %s', async (type, cell, sum) => {
    const answer = await predict({ 'm.onnx': sumOf(type), 'x.csv': `a,b,y\n0,${cell},2\n` })
    expect(answer).toMatchObject({ predicted: Float64Array.of(sum) })
  })
})

test("data that is not there or not numeric is not the model's fault", async () => {
  const roots = [await folderWith({ 'm.onnx': meanModel(2) })]
  const missing = { file: 'x.csv', target: 'y' }
  expect(await performTask({ kind: 'predict', source: 'm.onnx', roots, data: missing })).toMatchObject({
    kind: 'badData',
    message: expect.stringContaining('there is no file x.csv'),
  })
  const answer = await predict({ 'm.onnx': meanModel(2), 'x.csv': 'a,b,y\n1,?,3\n' })
  expect(answer).toEqual({ kind: 'badData', message: 'x.csv line 2, column b: "?" is not a number' })
})

describe('a smoke task', () => {
  const smoke = async (files: Record<string, string | Uint8Array>, hasData = true) =>
    performTask({
      kind: 'smoke',
      source: 'm.onnx',
      roots: [await folderWith({ 'x.csv': data, ...files })],
      data: hasData ? { file: 'x.csv', target: 'y' } : null,
      sampleRows: 2,
      timing: { warmUps: 1, runs: 5, budgetMs: 1000 },
    })

  test('takes no more than its sample and times single rows', async () => {
    const answer = await smoke({ 'm.onnx': meanModel(2), 'x.csv': `${data}not,numbers,here\n` })
    expect(answer).toMatchObject({ kind: 'measured', rows: 2, notFinite: null })
    expect(answer.kind === 'measured' && answer.latenciesMs).toHaveLength(5)
  })

  test('without data takes zeros in the shape of the input', async () => {
    expect(await smoke({ 'm.onnx': meanModel(7) }, false)).toMatchObject({ rows: 1, notFinite: null })
    expect(await smoke({ 'm.onnx': meanModel('columns', {}, 3) }, false)).toMatchObject({
      rows: 3,
      notFinite: null,
    })
  })

  test('without data fits the columns that the model names, and says what to do where it can only guess', async () => {
    const scaled = (metadata: Record<string, string>) =>
      writeOnnx({
        inputs: [{ name: 'x', shape: ['rows', 'columns'] }],
        outputs: [{ name: 'y', shape: ['rows', 1] }],
        nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
        constants: [{ name: 'w', values: [1, 10], shape: [2, 1] }],
        metadata,
      })
    const named = { 'm.onnx': scaled({ 'greenroom.features': '["a", "b"]' }) }
    expect(await smoke(named, false)).toMatchObject({ kind: 'measured', rows: 1 })
    expect(await smoke({ 'm.onnx': scaled({}) }, false)).toMatchObject({
      kind: 'unusable',
      message: expect.stringMatching(
        /does not run: .*; the zeros .* may not fit, .* give the smoke check data$/,
      ),
    })
    expect(await smoke({ 'm.onnx': scaled({}) })).toMatchObject({ kind: 'measured' })
  })

  test('without data is not taken in by a model that answers nothing', async () => {
    const empty = writeOnnx({
      inputs: [{ name: 'x', shape: ['rows', 0] }],
      outputs: [{ name: 'y', shape: ['rows', 0] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    })
    expect(await smoke({ 'm.onnx': empty }, false)).toMatchObject({
      kind: 'unusable',
      message: 'the model answers 1 rows in shape [1, 0]',
    })
  })

  test('names the first row whose answer is not finite', async () => {
    const inverse = writeOnnx({
      inputs: [{ name: 'x', shape: ['rows', 1] }],
      outputs: [{ name: 'y', shape: ['rows', 1] }],
      nodes: [{ op: 'Reciprocal', inputs: ['x'], outputs: ['y'] }],
    })
    const answer = await smoke({ 'm.onnx': inverse, 'x.csv': 'x,y\n1,1\n0,1\n' })
    expect(answer).toMatchObject({ notFinite: { row: 2, value: 'Infinity' } })
  })

  test('gives a model made elsewhere its due', async () => {
    const folder = join(import.meta.dirname, '../fixtures/diabetes')
    const holdout = readFileSync(join(folder, 'holdout.csv'), 'utf8').replace('progression', 'y')
    const answer = await smoke({ 'm.onnx': readFileSync(join(folder, 'good.onnx')), 'x.csv': holdout })
    expect(answer).toMatchObject({ kind: 'measured', rows: 2, notFinite: null })
  })
})

async function predict(files: Record<string, string | Uint8Array>): Promise<ModelAnswer> {
  const root = await folderWith({ 'x.csv': data, ...files })
  return performTask({
    kind: 'predict',
    source: 'm.onnx',
    roots: [root],
    data: { file: 'x.csv', target: 'y' },
  })
}
