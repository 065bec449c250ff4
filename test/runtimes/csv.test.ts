import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../src/errors.ts'
import { parseCsv } from '../../src/runtimes/csv.ts'
import { numbersOf, openTable, tableOf } from '../../src/runtimes/table.ts'
import { folderWith } from './folder.ts'

describe('a CSV text', () => {
  test('is read back as it was written, however lines end and cells are quoted', () => {
    const cells = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', '1') }), {
      minLength: 1,
      maxLength: 4,
    })
    const records = fc.array(cells, { maxLength: 5 })
    fc.assert(
      fc.property(records, fc.constantFrom('\n', '\r\n', '\r'), fc.boolean(), (rows, end, isEnded) => {
        const quoted = rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','))
        const text = quoted.join(end) + (isEnded && rows.length > 0 ? end : '')
        expect([...parseCsv(text, 'x.csv')].map((record) => record.cells)).toEqual(rows)
      }),
    )
  })

  test('is read, or refused with a line: nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ') }), (text) => {
        try {
          for (const { cells } of parseCsv(text, 'x.csv')) expect(cells.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(OperatorError)
          expect(String(error)).toMatch(/x\.csv line \d+: a quote/)
        }
      }),
    )
  })

  test('skips empty lines and counts every line', () => {
    const records = [...parseCsv('a,b\n\n"x\ny",1\r\n\r\n,\n""\n', 'x.csv')]
    expect(records).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 3, cells: ['x\ny', '1'] },
      { line: 6, cells: ['', ''] },
      { line: 7, cells: [''] },
    ])
  })

  test.each([
    ['a\n"b', 2],
    ['a\nb"c', 2],
    ['a\n"b"c\n', 2],
    ['"a""', 1],
  ])('%j has a quote out of place on line %i', (text, line) => {
    expect(() => [...parseCsv(text, 'x.csv')]).toThrow(`x.csv line ${line}: a quote (") is out of place`)
  })

  test('with an unclosed quote and a million characters is refused quickly', () => {
    expect(() => [...parseCsv(`"${'a""'.repeat(300_000)}`, 'x.csv')]).toThrow('out of place')
  })
})

describe('a table', () => {
  const read = (text: string, columns: string[], maxRows?: number) =>
    Object.fromEntries([...numbersOf(tableOf(text, 'x.csv'), columns, maxRows)].map(([k, v]) => [k, [...v]]))

  test('gives the numbers of the columns asked for; others may hold anything', () => {
    const text = 'Date, Sales ,Open\r\n2015-01-01, 1.5e3 ,+1\r\n"2,3",-.5,1.\r\n'
    expect(read(text, ['Open', 'Sales'])).toEqual({ Open: [1, 1], Sales: [1500, -0.5] })
    expect(read(text, ['Sales'], 1)).toEqual({ Sales: [1500] })
  })

  test('keeps every finite number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
        (values) => {
          const [...numbers] = read(`x\n${values.join('\n')}`, ['x']).x ?? []
          expect(numbers.map((n) => n + 0)).toEqual(values.map((n) => n + 0))
        },
      ),
    )
  })

  test.each(['', ' ', 'abc', 'NaN', 'Infinity', '1e999', '0x10', '1,5', '--1', '1 2', 'true', '.'])(
    'does not take %j for a number, and says where it stands',
    (cell) => {
      const text = `a,Sales\n1,2\n3,"${cell}"\n`
      expect(() => read(text, ['Sales'])).toThrow(/^x\.csv line 3, column Sales: /)
    },
  )

  test.each([
    ['', 'x.csv is empty; its first line must name the columns'],
    ['\n\n', 'x.csv is empty'],
    ['a,b,a\n1,2,3', 'x.csv has two columns "a"'],
    ['a\n', 'x.csv has a header and no rows'],
    ['a,b\n1,2\n3\n', 'x.csv line 3 has 1 cells; the header has 2'],
    ['b\n1', 'x.csv has no column "a"; it has b'],
  ])('%j is refused', (text, message) => {
    expect(() => read(text, ['a'])).toThrow(message)
    expect(() => read(text, ['a'])).toThrow(OperatorError)
  })

  test('is found relative to a root, without its byte order mark', async () => {
    const root = await folderWith({ 'data/x.csv': '\uFEFFSales\n1\n' })
    const table = await openTable('data/x.csv', ['/nowhere', root])
    expect(table.header).toEqual(['Sales'])
    expect(table.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect((await openTable(`${root}/data/x.csv`, [])).header).toEqual(['Sales'])
  })

  test("that is missing, a folder or not text is the operator's to mend", async () => {
    const root = await folderWith({ 'data/latin1.csv': Buffer.from([0x53, 0xe9, 0x0a]) })
    await expect(openTable('gone.csv', [root])).rejects.toThrow(
      `there is no file gone.csv; looked for ${root}/gone.csv`,
    )
    await expect(openTable('data', [root])).rejects.toThrow('data is not a regular file')
    await expect(openTable('data/latin1.csv', [root])).rejects.toThrow('data/latin1.csv is not UTF-8 text')
    await expect(openTable('gone.csv', [root])).rejects.toThrow(OperatorError)
  })
})
