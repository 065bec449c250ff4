import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readMetadata } from '../../src/runtimes/onnx-metadata.ts'
import { meanModel } from './onnx-writer.ts'

const good = readFileSync(join(import.meta.dirname, '../fixtures/diabetes/good.onnx'))

test('the metadata of a model made elsewhere is found', () => {
  const metadata = readMetadata(good)
  const features = ['age', 'sex', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6']
  expect(metadata['greenroom.target']).toBe('progression')
  expect(JSON.parse(metadata['greenroom.features'] ?? '')).toEqual(features)
})

test('whatever is written is read back', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
      (metadata) => {
        expect(readMetadata(meanModel(2, metadata))).toEqual({ ...metadata })
      },
    ),
  )
})

test('a negative number before the metadata does not hide it', () => {
  // model_version, field 5, is -1: a varint of ten bytes.
  const versioned = Buffer.concat([
    Buffer.from([0x28, ...Array(9).fill(0xff), 0x01]),
    meanModel(2, { a: 'b' }),
  ])
  expect(readMetadata(versioned)).toEqual({ a: 'b' })
})

test('bytes that are cut, changed or not ONNX at all never throw', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.nat(good.length).map((end) => good.subarray(0, end)),
    fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => good.with(at, byte)),
  )
  fc.assert(
    fc.property(bytes, (model) => {
      expect(readMetadata(model)).toBeTypeOf('object')
    }),
  )
})
