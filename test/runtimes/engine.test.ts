import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { type Engine, pickEngine, webAssembly } from '../../src/runtimes/engine.ts'
import { loadModel, run } from '../../src/runtimes/onnx.ts'
import { floats, writeOnnx } from './onnx-writer.ts'

const missing = inject('available')['onnxruntime-node']

test('the native runtime is taken where its package loads', async () => {
  const asked: string[] = []
  const engine = await pickEngine(async (name) => {
    asked.push(name)
    return webAssembly.runtime
  })
  expect(engine).toEqual({ name: 'onnxruntime-node', runtime: webAssembly.runtime, provider: 'cpu' })
  expect(asked).toEqual(['onnxruntime-node'])
})

test('WebAssembly is taken where the package is not there, or its library does not load', async () => {
  const notThere = Object.assign(new Error("Cannot find package 'onnxruntime-node'"), {
    code: 'ERR_MODULE_NOT_FOUND',
  })
  const broken = Object.assign(new Error('libonnxruntime.so.1: cannot open'), { code: 'ERR_DLOPEN_FAILED' })
  for (const error of [notThere, broken])
    expect(await pickEngine(() => Promise.reject(error))).toBe(webAssembly)
})

test('of the two, the one that is installed here is taken', async () => {
  expect((await pickEngine()).name).toBe(missing === null ? 'onnxruntime-node' : 'onnxruntime-web')
})

test.skipIf(missing !== null)('both give the same answers, also with weights beside the model', async () => {
  const engines: Engine[] = [webAssembly, await pickEngine()]
  const scaled = {
    model: writeOnnx({
      inputs: [{ name: 'x', shape: ['rows', 2] }],
      outputs: [{ name: 'y', shape: ['rows', 1] }],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      constants: [{ name: 'w', values: [1, 10], shape: [2, 1], file: 'weights.bin' }],
    }),
    beside: [{ path: 'weights.bin', data: floats([1, 10]) }],
    features: null,
  }
  const rossmann = join(import.meta.dirname, '../../examples/rossmann/models/rossmann-ensemble-1.onnx')
  const real = { model: readFileSync(rossmann), beside: [], features: null }
  for (const files of [scaled, real]) {
    const answers = await Promise.all(
      engines.map(async (engine) => {
        const model = await loadModel(files, engine)
        const [input] = model.inputs
        if (input === undefined) throw new Error('the model has no input')
        const width = input.shape[1] ?? 1
        const values = Float64Array.from({ length: 3 * width }, (_, index) => (index % 7) + 1)
        return (await run(model, [{ input, values, dims: [3, width] }])).values
      }),
    )
    const [first, second] = answers
    expect(first).toHaveLength(3)
    for (const [row, value] of (first ?? []).entries()) expect(second?.[row]).toBeCloseTo(value, 3)
  }
})
