import { expect, test } from 'vitest'
import { OperatorError } from '../../src/errors.ts'
import { feedsFor, layoutOf, zerosFor } from '../../src/runtimes/columns.ts'
import type { ModelInput } from '../../src/runtimes/onnx.ts'
import { UnusableModelError } from '../../src/runtimes/unusable.ts'

const matrix = (columns: number | null, rows: number | null = null): ModelInput => {
  return { name: 'features', type: 'float32', shape: [rows, columns] }
}
const table = { file: 'x.csv', header: ['a', 'b', 'y'], target: 'y' }
const columns = new Map([
  ['a', Float64Array.of(1, 2, 3)],
  ['b', Float64Array.of(10, 20, 30)],
])

test('without names of its own a model takes all columns but the target, in the order of the table', () => {
  expect(layoutOf({ inputs: [matrix(2)], features: null }, table).columns).toEqual(['a', 'b'])
  expect(layoutOf({ inputs: [matrix(3)], features: null }, { ...table, target: null }).columns).toHaveLength(
    3,
  )
})

test('a model that names its features gets those, in its own order', () => {
  const layout = layoutOf({ inputs: [matrix(2)], features: ['b', 'a'] }, table)
  expect(feedsFor(layout, columns, 1, 3)).toEqual([
    { input: matrix(2), values: Float64Array.of(20, 2, 30, 3), dims: [2, 2] },
  ])
})

test('a model with several inputs gets the columns of their names', () => {
  const [a, b] = ['a', 'b'].map((name): ModelInput => ({ name, type: 'int64', shape: [null, 1] }))
  const layout = layoutOf({ inputs: [b, a].flatMap((one) => one ?? []), features: null }, table)
  expect(feedsFor(layout, columns, 0, 2)).toEqual([
    { input: b, values: Float64Array.of(10, 20), dims: [2, 1] },
    { input: a, values: Float64Array.of(1, 2), dims: [2, 1] },
  ])
})

test('a model that insists on a number of rows gets zeros for those that are missing', () => {
  const layout = layoutOf({ inputs: [matrix(2, 4)], features: null }, table)
  expect(layout.batch).toBe(4)
  expect(feedsFor(layout, columns, 2, 3)[0]).toMatchObject({
    values: Float64Array.of(3, 30, 0, 0, 0, 0, 0, 0),
    dims: [4, 2],
  })
})

test.each([
  [null, 1],
  [1, null],
  [4, 4],
])('a model with inputs of %j and %j rows is given as many as one of them insists on', (first, second) => {
  const inputs = [
    { ...matrix(1, first), name: 'a' },
    { ...matrix(1, second), name: 'b' },
  ]
  const layout = layoutOf({ inputs, features: null }, table)
  expect(layout.batch).toBe(first ?? second)
  expect(feedsFor(layout, columns, 0, 1).map(({ dims }) => dims[0])).toEqual([layout.batch, layout.batch])
})

test('inputs that insist on different numbers of rows fit no table', () => {
  const inputs = [
    { ...matrix(1, 2), name: 'a' },
    { ...matrix(1, 3), name: 'b' },
  ]
  const fitting = () => layoutOf({ inputs, features: null }, table)
  expect(fitting).toThrow(
    new UnusableModelError("the model's inputs take 2 and 3 rows at once, not as many each"),
  )
})

test.each([
  [
    [matrix(7)],
    null,
    "the model's input features takes 7 columns, but besides the target, x.csv has 2: a, b",
  ],
  [[matrix(3)], ['a', 'b'], "the model's input features takes 3 columns, but its metadata names 2: a, b"],
  [[matrix(null)], ['a', 'Promo', 'Open'], 'the model takes the columns Promo, Open, which x.csv lacks'],
  [[matrix(2)], ['a', 'y'], 'the model takes the target y as a feature'],
  [[{ ...matrix(2), shape: [null, 3, 224] }], null, 'has shape [?, 3, 224], not [rows, columns]'],
  [[], null, 'the model has no inputs'],
])(
  'inputs %j with the names %j do not fit, and the message names the columns',
  (inputs, features, message) => {
    const fitting = () => layoutOf({ inputs, features }, table)
    expect(fitting).toThrow(UnusableModelError)
    expect(fitting).toThrow(message)
  },
)

test.each([[{ inputs: [matrix(2)], features: null }], [{ inputs: [matrix(2)], features: ['a', 'b'] }]])(
  "a target that the table lacks is never the model's fault",
  (model) => {
    const fitting = () => layoutOf(model, { ...table, target: 'Y' })
    expect(fitting).toThrow(new OperatorError('x.csv has no column "Y"; it has a, b, y'))
  },
)

test('a table of nothing but the target feeds no model', () => {
  const only = { ...table, header: ['y'] }
  expect(() => layoutOf({ inputs: [matrix(null)], features: null }, only)).toThrow(
    'x.csv has no feature column',
  )
})

test('zeros have the shape of the input, with one for each size that is open', () => {
  const inputs = [{ name: 'x', type: 'float32', shape: [null, 3, null] }]
  expect(zerosFor({ inputs, features: null })).toEqual([
    {
      input: { name: 'x', type: 'float32', shape: [null, 3, null] },
      values: new Float64Array(3),
      dims: [1, 3, 1],
    },
  ])
})

test('zeros have as many columns as the model names, where any number goes', () => {
  const dims = (features: string[] | null) => zerosFor({ inputs: [matrix(null)], features })[0]?.dims
  expect([dims(['a', 'b', 'c']), dims(null)]).toEqual([
    [1, 3],
    [1, 1],
  ])
})
