// Writes ONNX files (protobuf), as far as the tests need them: the field numbers are those of onnx.proto.
import { Buffer } from 'node:buffer'

const elementTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, string: 8, float64: 11 }
type ElementType = keyof typeof elementTypes

/** An input or output; a dimension is a size, or a name where any size goes. */
export type Value = { name: string; type?: ElementType; shape: (number | string)[] }
export type Node = { op: string; inputs: string[]; outputs: string[]; ints?: Record<string, number> }
/** A constant of the graph; `file` puts its bytes outside, into a file beside the model. */
export type Constant = { name: string; values: number[]; shape: number[]; file?: string }

/** The bytes of an ONNX model (IR 8, opset 17). */
export function writeOnnx(model: {
  inputs: Value[]
  outputs: Value[]
  nodes: Node[]
  constants?: Constant[]
  metadata?: Record<string, string>
}): Buffer {
  const graph = [
    ...model.nodes.map((node) => message(1, nodeOf(node))),
    text(2, 'graph'),
    ...(model.constants ?? []).map((constant) => message(5, constantOf(constant))),
    ...model.inputs.map((value) => message(11, valueInfoOf(value))),
    ...model.outputs.map((value) => message(12, valueInfoOf(value))),
  ]
  const metadata = Object.entries(model.metadata ?? {})
  return Buffer.concat([
    number(1, 8),
    message(7, graph),
    message(8, [text(1, ''), number(2, 17)]),
    ...metadata.map(([key, value]) => message(14, [text(1, key), text(2, value)])),
  ])
}

/** A model that answers each row with the mean of its columns. */
export function meanModel(
  columns: number | string,
  metadata: Record<string, string> = {},
  rows: number | string = 'rows',
) {
  return writeOnnx({
    inputs: [{ name: 'features', shape: [rows, columns] }],
    outputs: [{ name: 'mean', shape: [rows, 1] }],
    nodes: [{ op: 'ReduceMean', inputs: ['features'], outputs: ['mean'], ints: { keepdims: 1 } }],
    metadata,
  })
}

function nodeOf({ op, inputs, outputs, ints }: Node): Buffer[] {
  const attributes = Object.entries(ints ?? {})
  const axes = op === 'ReduceMean' ? [message(5, [text(1, 'axes'), number(8, 1), number(20, 7)])] : []
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...attributes.map(([name, value]) => message(5, [text(1, name), number(3, value), number(20, 2)])),
    ...axes,
  ]
}

function constantOf({ name, values, shape, file }: Constant): Buffer[] {
  const place = file === undefined ? [] : [message(13, [text(1, 'location'), text(2, file)]), number(14, 1)]
  const bytes = file === undefined ? [field(9, floats(values))] : []
  return [...shape.map((size) => number(1, size)), number(2, 1), text(8, name), ...bytes, ...place]
}

/** The bytes of float32 values as ONNX keeps them. */
export function floats(values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer)
}

function valueInfoOf({ name, type = 'float32', shape }: Value): Buffer[] {
  const dimensions = shape.map((size) =>
    message(1, [typeof size === 'number' ? number(1, size) : text(2, size)]),
  )
  return [text(1, name), message(2, [message(1, [number(1, elementTypes[type]), message(2, dimensions)])])]
}

function message(tag: number, parts: Buffer[]): Buffer {
  return field(tag, Buffer.concat(parts))
}

function text(tag: number, value: string): Buffer {
  return field(tag, Buffer.from(value))
}

function field(tag: number, content: Buffer): Buffer {
  return Buffer.concat([varint(tag * 8 + 2), varint(content.length), content])
}

function number(tag: number, value: number): Buffer {
  return Buffer.concat([varint(tag * 8), varint(value)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}
