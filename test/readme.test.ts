import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { drawConfiguration } from '../scripts/draw-configuration.ts'

const readme = await readFile('README.md', 'utf8')

describe('the README', () => {
  it('lists every variable with its default and its meaning; if not: npm run draw', () => {
    const [, rest = ''] = readme.split('<!-- configuration:start -->')
    const [table = ''] = rest.split('<!-- configuration:end -->')
    expect(table.trim()).toBe(drawConfiguration().trim())
  })

  it('names only scripts that exist', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8'))
    const named = [...readme.matchAll(/npm run (?:--\S+ )*([\w-]+)/g)].map(([, name]) => name)
    expect(named.filter((name) => name === undefined || !(name in scripts))).toEqual([])
    expect(named.length).toBeGreaterThan(3)
  })
})
