import { expect, test } from 'vitest'
import { canonicalName, isSamePerson, personBySlack } from '../../src/policy/people.ts'

const directory = {
  people: [
    { name: 'alice', slack: 'U0ALICE', aliases: ['alice@example.com', 'A. Liddell'] },
    { name: 'Bob', slack: null, aliases: [] },
  ],
}

test.each([
  ['alice', 'alice'],
  [' alice\n', 'alice'],
  ['Alice', 'alice'],
  ['ALICE@Example.com', 'alice'],
  ['a. liddell', 'alice'],
  ['ａｌｉｃｅ', 'alice'],
  ['slack:U0ALICE', 'alice'],
  ['Slack:U0ALICE', 'alice'],
  ['slack:u0alice', 'alice'],
  ['SLACK：U0ALICE', 'alice'],
  ['bob', 'Bob'],
])('%j is known as %j', (name, canonical) => {
  expect(canonicalName(directory, name)).toBe(canonical)
})

test.each([
  ['carol', 'carol'],
  [' Carol ', 'carol'],
  ['slack:U0BOB', 'slack:U0BOB'],
  ['Slack:u0bob', 'slack:U0BOB'],
  ['U0ALICE', 'u0alice'],
  ['constructor', 'constructor'],
  ['', ''],
])('%j is a stranger and is called %j', (name, canonical) => {
  expect(canonicalName(directory, name)).toBe(canonical)
})

test('a canonical name stays as it is', () => {
  for (const name of ['alice', 'Bob', 'carol', 'slack:U9']) expect(canonicalName(directory, name)).toBe(name)
})

test('a person is found by Slack user id, exactly', () => {
  expect(personBySlack(directory, 'U0ALICE')?.name).toBe('alice')
  expect(personBySlack(directory, 'u0alice')).toBeNull()
  expect(personBySlack(directory, 'null')).toBeNull()
})

test('two names are the same person only when they lead to the same canonical name', () => {
  expect(isSamePerson(directory, 'slack:U0ALICE', 'Alice@example.com')).toBe(true)
  expect(isSamePerson(directory, 'carol', ' carol')).toBe(true)
  expect(isSamePerson(directory, 'carol', 'Carol')).toBe(true)
  expect(isSamePerson(directory, 'alice', 'bob')).toBe(false)
})
