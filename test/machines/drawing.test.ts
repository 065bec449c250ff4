import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { setup } from 'xstate'
import { drawMachine, drawPages, drawStages, embed, tabulate } from '../../scripts/draw.ts'
import { approvalMachine } from '../../src/machines/approval.ts'
import { modelVersionMachine, stages } from '../../src/machines/model-version.ts'
import { statesOf } from './stored.ts'

const fileOf = (path: string) => new URL(`../../${path}`, import.meta.url)

describe('what is drawn of the machines', () => {
  for (const { path, blocks } of drawPages())
    it(`in ${path} is what the machines are now`, () => {
      const text = readFileSync(fileOf(path), 'utf8')
      for (const [name, block] of Object.entries(blocks))
        expect(text, 'stale or without its markers: run `npm run draw`').toContain(
          `<!-- ${name}:start -->\n${block}\n<!-- ${name}:end -->`,
        )
    })

  for (const machine of [modelVersionMachine, approvalMachine])
    it(`has every state and event of ${machine.id}, each state once`, () => {
      const drawing = drawMachine(machine)
      const table = tabulate(machine)
      for (const state of statesOf(machine)) {
        expect(drawing).toMatch(new RegExp(`\\b${state.replace('.', '_')}\\b`))
        expect(table).toContain(`\`${state}\``)
      }
      for (const event of machine.events) expect(table).toContain(`| \`${event}\` |`)
      const declared = [...drawing.matchAll(/state "\w+" as (\w+)/g)].map(([, id]) => id)
      expect(declared).toEqual([...new Set(declared)])
    })

  it('shows in short the four stages and the way through them', () => {
    const drawing = drawStages(modelVersionMachine)
    for (const stage of stages) expect(drawing).toContain(stage)
    expect(drawing).toContain('[*] --> None\n')
    expect(drawing).toContain('None --> Staging : validationPassed')
    expect(drawing).toContain('Staging --> Production : approved')
    expect(drawing).not.toContain('None --> Production')
  })

  it('follows the config', () => {
    const machine = setup({ guards: { mayGo: () => true }, actions: { ring: () => {} } }).createMachine({
      id: 'door',
      initial: 'shut',
      states: {
        shut: { on: { open: [{ target: 'ajar', guard: 'mayGo', actions: 'ring' }, { target: 'ajar' }] } },
        ajar: { type: 'final', entry: 'ring' },
      },
    })
    expect(drawMachine(machine)).toContain('  shut --> ajar : open [mayGo]<br/>open\n')
    expect(drawMachine(machine)).toContain('  ajar --> [*]\n')
    expect(tabulate(machine)).toContain('| `shut` | `open` | `mayGo` | `ajar` | `ring`, `ring` |')
  })

  it('cannot be drawn where a guard has no name', () => {
    const on = { go: { guard: () => true } }
    const nameless = setup({}).createMachine({ initial: 'a', states: { a: { on } } })
    expect(() => drawMachine(nameless)).toThrow(/give it a name/)
  })
})

describe('embedding', () => {
  const page = 'before\n<!-- a:start -->\nold\n<!-- a:end -->\nafter\n'

  it('replaces what is between the markers, and nothing else', () => {
    const embedded = 'before\n<!-- a:start -->\nnew\n<!-- a:end -->\nafter\n'
    expect(embed(page, { a: 'new' })).toBe(embedded)
    expect(embed(embedded, { a: 'new' })).toBe(embedded)
  })

  it('takes a block as it is, whatever characters it has', () => {
    expect(embed(page, { a: '$& $1' })).toContain('\n$& $1\n')
  })

  it('leaves a text without both markers alone', () => {
    for (const text of ['', 'no markers', '<!-- a:start -->\nold', 'old\n<!-- a:end -->'])
      expect(embed(text, { a: 'new' })).toBe(text)
  })
})
