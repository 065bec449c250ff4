import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cut, lines, nameList, oneLine, spelledOut } from '../../src/notifiers/text.ts'
import { evilTexts } from './views.ts'

const anyText = fc.oneof(fc.constantFrom(...evilTexts), fc.string({ unit: 'binary' }))

test('one line is never empty, never too long, and holds nothing that is not seen', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 15, max: 500 }), (text, max) => {
      const line = oneLine(text, max)
      expect(line.length).toBeGreaterThan(0)
      expect(line.length).toBeLessThanOrEqual(max)
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u)
      expect(line.isWellFormed()).toBe(true)
    }),
  )
})

test('lines stay lines, without the blank ones', () => {
  expect(lines('one\r\n\n two \u2028three', 100)).toBe('one\n two\nthree')
})

test('a cut shows and splits no character', () => {
  expect(cut('abcdef', 4)).toBe('abc…')
  expect(cut('ab😀cd', 4)).toBe('ab…')
  expect(cut('abcd', 4)).toBe('abcd')
})

test('spelled out, nothing can steer a terminal and nothing is lost', () => {
  expect(spelledOut('a\u001b[31m\nb\u202Ec')).toBe('a\\u{1b}[31m\\nb\\u{202e}c')
  fc.assert(
    fc.property(anyText, (text) => {
      expect(spelledOut(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('names read as a sentence', () => {
  expect(nameList(['anna'], 3)).toBe('anna')
  expect(nameList(['anna', 'ben', 'carol'], 3, 'or')).toBe('anna, ben or carol')
  expect(nameList(['a', 'b', 'c', 'd'], 3)).toBe('a, b, c and 1 more')
})
