import { expect, test } from 'vitest'
import { checkDocumented } from '../../src/checks/documented.ts'
import type { CheckSubject } from '../../src/checks/subject.ts'
import { subject } from './subjects.ts'

const rule = {
  kind: 'documented',
  description: true,
  run: true,
  dataset: true,
  tags: ['team'],
  timeoutMs: 1_000,
} as const

const all = {
  description: 'trees instead of lines',
  runId: 'r1',
  tags: { dataset: '2026-11', team: 'pricing' },
}
const find = (about: Partial<CheckSubject>) =>
  checkDocumented({ ...rule, tags: [...rule.tags] }, subject('s', about))

test('a version of which everything has been said that is asked for passes', async () => {
  expect(await find(all)).toMatchObject({ verdict: 'passed', measured: { missing: [] } })
})

test.each([
  ['a description', { ...all, description: null }],
  ['a description', { ...all, description: ' \n' }],
  ['the run that made it', { ...all, runId: null }],
  ['the data it was trained on (tag "dataset")', { ...all, tags: { team: 'pricing' } }],
  ['the tag "team"', { ...all, tags: { dataset: '2026-11', team: '' } }],
])('%s that is missing or blank fails it, and is named', async (what, about) => {
  const found = await find(about)
  expect(found).toMatchObject({ verdict: 'failed', summary: `missing: ${what}` })
})

test('what is not asked for may be missing', async () => {
  const found = await checkDocumented(
    { ...rule, run: false, dataset: false, tags: [] },
    subject('s', { description: 'd' }),
  )
  expect(found.verdict).toBe('passed')
})

test('a tag named like a part of every object is not taken for said', async () => {
  const found = await checkDocumented(
    { ...rule, description: false, run: false, dataset: false, tags: ['constructor'] },
    subject('s'),
  )
  expect(found.verdict).toBe('failed')
})
