import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readPolicy } from '../../src/policy/load.ts'
import type { CheckRule, IncumbentCheck } from '../../src/policy/policy.ts'

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const policy = readPolicy(fromRoot('greenroom.yaml'))
const { rules } = policy.rulesFor('rossmann-ensemble')

type Example = { versions: { version: number; metrics: Record<string, number> }[] }
const example = JSON.parse(readFileSync(fromRoot('examples/rossmann/versions.json'), 'utf8')) as Example

function rmspeOf(version: number): number {
  const figure = example.versions.find((one) => one.version === version)?.metrics.rmspe
  if (figure === undefined) throw new Error(`version ${version} of the example has no rmspe`)
  return figure
}

function checkOf<K extends CheckRule['kind']>(kind: K): Extract<CheckRule, { kind: K }> {
  const check = rules.validate.find((rule): rule is Extract<CheckRule, { kind: K }> => rule.kind === kind)
  if (check === undefined) throw new Error(`the example policy has no check of the kind ${kind}`)
  return check
}

/** The highest error that a version may have beside this incumbent, for a metric of which less is better. */
function allowedBeside(incumbent: number, { require, by }: IncumbentCheck): number {
  const margin = 'relative' in by ? incumbent * by.relative : by.absolute
  return require === 'loss' ? incumbent + margin : incumbent - margin
}

test('the example policy has people who can answer in Slack, and asks them', () => {
  expect(policy.people.map(({ name, slack }) => [name, slack])).toEqual([
    ['alice', 'U0ALICE'],
    ['bob', 'U0BOB'],
  ])
  expect(rules).toMatchObject({
    gate: 'approved',
    approval: { approvers: ['alice', 'bob'], quorum: 1, expiresMs: 259_200_000, selfApproval: false },
    archiveExisting: true,
  })
})

test('the example policy runs all four checks on the example model, and one on any other', () => {
  expect(rules.validate.map(({ kind }) => kind)).toEqual(['artifact', 'smoke', 'metrics', 'incumbent'])
  expect(policy.rulesFor('another').rules.validate.map(({ kind }) => kind)).toEqual(['artifact'])
})

test('the example policy leaves prompts free by their name, as they have nothing to check', () => {
  const { gate, validate, test: inStaging } = policy.rulesFor('prompts-greeting').rules
  expect({ gate, validate, inStaging }).toEqual({ gate: 'none', validate: [], inStaging: [] })
})

test('the tables that the example policy names are there and have the target', () => {
  for (const { data, target } of [checkOf('smoke'), checkOf('incumbent')]) {
    expect(data !== null && existsSync(data)).toBe(true)
    const [header = ''] = readFileSync(data ?? '', 'utf8').split('\n')
    expect(header.trim().split(',')).toContain(target)
  }
})

test('its limits let versions 1 and 2 of the example through, and version 3 fails beside version 2 only', () => {
  const max = checkOf('metrics').limits.rmspe?.max ?? 0
  const incumbent = checkOf('incumbent')
  expect(incumbent).toMatchObject({ metric: 'rmspe', direction: 'lower' })
  for (const version of [1, 2, 3]) expect(rmspeOf(version)).toBeLessThan(max)
  expect(rmspeOf(2)).toBeLessThan(allowedBeside(rmspeOf(1), incumbent))
  expect(rmspeOf(3)).toBeGreaterThan(allowedBeside(rmspeOf(2), incumbent))
})
