import { expect, test } from 'vitest'
import { isApprover } from '../../src/policy/permission.ts'

test.each([
  { approvers: ['alice'], principal: 'alice', hasRole: true, may: true },
  { approvers: ['alice'], principal: 'alice', hasRole: false, may: false },
  { approvers: ['alice'], principal: 'bob', hasRole: true, may: false },
  { approvers: null, principal: 'bob', hasRole: true, may: true },
  { approvers: null, principal: 'bob', hasRole: false, may: false },
])(
  'with approvers $approvers, $principal with the role $hasRole: $may',
  ({ approvers, principal, hasRole, may }) => {
    expect(isApprover({ approvers }, principal, { hasRole })).toBe(may)
  },
)
