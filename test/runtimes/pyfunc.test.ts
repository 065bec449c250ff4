import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { readArtifact } from '../../src/runtimes/artifact.ts'
import type { SignatureColumn } from '../../src/runtimes/mlmodel.ts'
import { type PyfuncModel, startPyfunc } from '../../src/runtimes/pyfunc.ts'
import type { Rows } from '../../src/runtimes/rows.ts'
import { folderWith } from './folder.ts'
import { processesWith } from './processes.ts'

const command = join(import.meta.dirname, '../helpers/fake-python.mjs')
const secrets = { GREENROOM_TOKEN: 'gr_1', MLFLOW_TRACKING_TOKEN: 't', AWS_SECRET_ACCESS_KEY: 's' }
const columns: SignatureColumn[] = [
  { name: 'a', type: 'double', required: true },
  { name: 'b', type: 'double', required: true },
  { name: 'c', type: 'double', required: false },
]

async function started(
  behaviour: string,
  signature: SignatureColumn[] | null = columns,
): Promise<PyfuncModel> {
  const root = await folderWith({ 'm/MLmodel': 'flavors: {}', 'm/data/model.pkl': 'pickle' })
  const artifact = await readArtifact('m', [root], { maxBytes: 1_000, keepContent: true })
  const env = { PATH: process.env.PATH, ...secrets, FAKE_PYTHON: behaviour }
  const model = await startPyfunc(artifact, signature, { command, env })
  onTestFinished(() => model.close())
  return model
}

/** Has private copies made in a folder of this test's own; gives what lists them. */
async function watchCopies(): Promise<() => Promise<string[]>> {
  const folder = await folderWith({})
  vi.stubEnv('TMPDIR', folder)
  onTestFinished(() => void vi.unstubAllEnvs())
  return async () => (await readdir(folder)).filter((name) => name.startsWith('greenroom-model-'))
}

describe('rows are sent to the process of the model', () => {
  test('by the names of its signature, in its order; without columns that need not be there', async () => {
    const { predict } = await started('refuse')
    const rows = [{ x: 'other', b: 2, a: Number.NaN }]
    await expect(predict(rows)).rejects.toThrow(
      'got {"dataframe_split":{"columns":["a","b"],"data":[[null,2]]}}',
    )
    await expect(predict([{ c: 3, b: 2, a: 1 }])).rejects.toThrow(
      'got {"dataframe_split":{"columns":["a","b","c"],"data":[[1,2,3]]}}',
    )
    for (const list of [[1, 2, 3], Float32Array.of(1, 2, 3)])
      await expect(predict([list])).rejects.toThrow('"columns":["a","b","c"],"data":[[1,2,3]]')
  })

  test('as they are where it has no signature: objects by name, arrays without', async () => {
    const { predict } = await started('refuse', null)
    await expect(predict([{ b: 'text', a: true }])).rejects.toThrow(
      'got {"dataframe_split":{"columns":["b","a"],"data":[["text",true]]}}',
    )
    await expect(predict([Float32Array.of(1, 2)])).rejects.toThrow('got {"inputs":[[1,2]]}')
  })

  test('however many there are', async () => {
    const { predict } = await started('sum')
    const rows = Array.from({ length: 10_000 }, (_, index) => ({ a: index, b: 1 }))
    const { values, width } = await predict(rows)
    expect({ width, count: values.length, last: values.at(-1) }).toEqual({
      width: 1,
      count: 10_000,
      last: 10_000,
    })
    expect((await predict([])).values).toEqual(new Float64Array())
  })

  test.each<[Rows, string]>([
    [[{ a: 1 }], 'Row 1 has no column b; the model takes 2: a, b.'],
    [[[1, 2]], 'Row 1 has 2 values; the model takes 3: a, b, c.'],
    [
      [{ a: 1, b: Number.POSITIVE_INFINITY }],
      "Row 1, column b: the model's process takes no infinite numbers.",
    ],
  ])('but not when they do not fit: %j', async (rows, message) => {
    const { predict } = await started('sum')
    await expect(predict(rows)).rejects.toThrow(message)
    await expect(predict(rows)).rejects.toMatchObject({ name: 'InvalidInputError' })
  })

  test.each([
    ['refuse', /^The model does not take these rows: got \{/],
    ['mismatch', /^The model does not take these rows: Model is missing inputs \['b'\]\.$/],
    ['crash', /^The model does not take these rows: ValueError: X has 3 features, but Ridge .* input\.$/],
  ])('and are at fault when it does not take them: %s', async (behaviour, message) => {
    const { predict } = await started(behaviour)
    await expect(predict([[1, 2, 3]])).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringMatching(message),
    })
  })

  test('but not when they are no rows at all', async () => {
    const odd: unknown[] = [undefined, null, { age: 1 }, 'rows', [null], [7]]
    for (const signature of [columns, null]) {
      const { predict } = await started('sum', signature)
      for (const rows of odd)
        await expect(predict(rows as Rows)).rejects.toMatchObject({ name: 'InvalidInputError' })
    }
  })
})

test('several numbers for a row come one after the other', async () => {
  const { predict } = await started('pairs')
  expect(
    await predict([
      [1, 0, 0],
      [5, 0, 0],
    ]),
  ).toEqual({ values: Float64Array.of(0, 2, 4, 6), width: 2 })
})

test.each([
  ['text', 'the model does not answer with numbers, row by row'],
  ['short', 'the model answers 2 rows with 1 predictions'],
  ['html', 'the model does not run: HTTP 502'],
  ['die', "the model's process does not answer: MemoryError: no more"],
])('an answer that is %s is told in one sentence', async (behaviour, message) => {
  const { predict } = await started(behaviour)
  const failure = predict([
    [1, 2, 3],
    [1, 2, 3],
  ])
  await expect(failure).rejects.toMatchObject({ name: 'UnusableModelError' })
  await expect(failure).rejects.toThrow(message)
})

test.each([
  [
    'missing',
    'OperatorError',
    /which .*fake-python.mjs does not have; install Python and `pip install mlflow`, or set/,
  ],
  [
    'unloadable',
    'UnusableModelError',
    /does not load in .*: ModuleNotFoundError: No module named 'lightgbm'; what/,
  ],
])(
  'a process that ends because MLflow or a package is %s says what to do',
  async (behaviour, name, message) => {
    const copies = await watchCopies()
    await expect(started(behaviour)).rejects.toMatchObject({ name, message: expect.stringMatching(message) })
    expect(await copies()).toEqual([])
  },
)

test('without any Python it says what to install', async () => {
  const root = await folderWith({ 'm/MLmodel': 'flavors: {}' })
  const artifact = await readArtifact('m', [root], { maxBytes: 1_000, keepContent: true })
  const failure = startPyfunc(artifact, null, { command: '/nonexistent/python3', env: {} })
  await expect(failure).rejects.toMatchObject({ name: 'OperatorError' })
  await expect(failure).rejects.toThrow(
    '/nonexistent/python3 cannot be started; install Python and `pip install mlflow`',
  )
})

test('whoever else answers at its port is not believed (P3)', async () => {
  await expect(started('squatted')).rejects.toThrow('address already in use')
})

test('a program that does not close it ends all the same, and its process with it (P1, P2)', async () => {
  const root = await folderWith({ 'm/MLmodel': 'flavors: {}' })
  const env = { PATH: process.env.PATH, TMPDIR: root, FAKE_PYTHON: 'sum' }
  const args = [join(import.meta.dirname, 'unclosed.ts'), root, command]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 15_000 })
  expect(stdout).toBe('predicted 3\n')
  await vi.waitFor(async () => expect(await processesWith(`TMPDIR=${root}`)).toEqual([]), 5_000)
})

test('after closing, its process and its private copy are gone (P1)', async () => {
  const copies = await watchCopies()
  const model = await started('sum')
  expect(await copies()).toHaveLength(1)
  await model.close()
  await model.close()
  expect(await copies()).toEqual([])
  await expect(model.predict([[1, 2, 3]])).rejects.toThrow("the model's process does not answer")
})
