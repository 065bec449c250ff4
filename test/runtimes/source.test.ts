import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pathOf, UnreadableSourceError, UnsupportedSourceError } from '../../src/runtimes/source.ts'

test.each([
  ['/models/model.onnx', '/models/model.onnx'],
  ['models/model.onnx', 'models/model.onnx'],
  ['/models///a', '/models///a'],
  ['/artifact/..../', '/artifact/..../'],
  ['a..b/c.onnx', 'a..b/c.onnx'],
  ['100%.onnx', '100%.onnx'],
  ['a%20b.onnx', 'a%20b.onnx'],
  ['file:///models/a%20b.onnx', '/models/a b.onnx'],
  ['file:/models/a.onnx', '/models/a.onnx'],
  ['FILE://localhost/models/a.onnx', '/models/a.onnx'],
  ['file:///models/caf%C3%A9.onnx', '/models/café.onnx'],
])('%s names the path %s', (source, path) => {
  expect(pathOf(source)).toBe(path)
})

test.each([
  '../etc/passwd',
  '/models/../../etc/passwd',
  '..%2f..%2fetc/passwd',
  '%252e%252e%252fetc',
  '%25252e%25252e/etc',
  'file:///models/%2e%2e/etc/passwd',
  'file:///models/..',
  '%ff/%2e%2e/etc/passwd',
  '\\..\\..\\etc',
  'a%5cb',
  'artifact%00',
  'artifact\0',
  'a\nb',
  'file:///a%0ab',
])('%j is refused: it leads elsewhere than it seems', (source) => {
  expect(() => pathOf(source)).toThrow('must not hold')
})

test.each([
  'file://otherhost/models/a.onnx',
  'file://user@localhost/a.onnx',
  'file://user:pass@/a.onnx',
  'file:models/a.onnx',
  'file:',
  'file:///a.onnx?x=1',
  'file:///a.onnx#x',
  'file:///%ff.onnx',
])('%s is refused: not a file: URL of this machine', (source) => {
  expect(() => pathOf(source)).toThrow('is not a file: URL of this machine')
})

test.each(['', ' ', 'a'.repeat(5000)])('an empty or endless source is refused', (source) => {
  expect(() => pathOf(source)).toThrow(UnreadableSourceError)
})

test.each([
  's3://bucket/model',
  'models:/m/1',
  'runs:/abc/model',
  'http://h/m.onnx',
  'mlflow-artifacts:/x',
  'C:/m.onnx',
])('%s is of a kind that is not read here, and the message says what to do', (source) => {
  expect(() => pathOf(source)).toThrow(UnsupportedSourceError)
  expect(() => pathOf(source)).toThrow(
    /cannot be read here; register a path or a file: URL, or take the checks/,
  )
})

test('a step up is found behind any number of percent-encodings', () => {
  fc.assert(
    fc.property(fc.nat(12), fc.constantFrom('a/../b', '..', '../x', 'a/..'), (rounds, path) => {
      const bytes = [...path].map((c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')
      const disguised = Array.from({ length: rounds }).reduce<string>(
        (text) => text.replaceAll('%', '%25'),
        bytes,
      )
      expect(() => pathOf(disguised)).toThrow(UnreadableSourceError)
      expect(() => pathOf(`file:///${disguised}`)).toThrow(UnreadableSourceError)
    }),
  )
})

test('any text gives a path without a step up, or is refused', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('.', '/', '%', '2', 'e', 'f', '5', 'c', '\\', 'a', '\0') }),
      (text) => {
        try {
          expect(pathOf(text).split('/')).not.toContain('..')
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableSourceError)
        }
      },
    ),
  )
})
