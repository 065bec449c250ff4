import { loadPolicy } from '../../src/policy/load.ts'
import type { Policy } from '../../src/policy/policy.ts'

/** A policy from YAML text, as a file in `baseDir` would give it. */
export function policyOf(text: string, baseDir = process.cwd()): Policy {
  return loadPolicy(text, 'greenroom.yaml', baseDir)
}

/** One trivial check, one approver named alice, no tests in Staging: for tests about everything else. */
export const trivialPolicy = (): Policy =>
  policyOf(`
people:
  alice: { slack: U0ALICE }
  bob: { slack: U0BOB }
defaults:
  validate: [ { metrics: { score: { min: 0 } } } ]
  test: []
  approval: { approvers: [alice, bob], quorum: 1 }
`)
