import { expect, test } from 'vitest'
import { hintsFor } from '../../src/cli/version-page.ts'

test('what a hint says to run names the model in one piece, also one that looks like an option', () => {
  const hints = (name: string) => hintsFor({ name, version: 2, state: 'awaitingApproval' }).join(' ')
  expect(hints('m')).toContain(
    '`greenroom approve m --version 2` or `greenroom decline m --version 2 --reason "…"`',
  )
  expect(hints("it's")).toContain("`greenroom approve 'it'\\''s' --version 2`")
  expect(hints('-x')).toContain(
    '`greenroom approve --version 2 -- -x` or `greenroom decline --version 2 --reason "…" -- -x`',
  )
})
