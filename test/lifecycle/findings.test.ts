import { describe, expect, it } from 'vitest'
import { endOf } from '../../src/lifecycle/findings.ts'
import type { Verdict } from '../../src/policy/finding.ts'

const rule = { kind: 'artifact', timeoutMs: 1_000 } as const
const found = (verdict: Verdict, digest: string | null = null) => ({
  verdict,
  summary: `it ${verdict}`,
  digest,
  rule,
})

describe('what findings add up to', () => {
  it.each([
    { findings: ['passed', 'passed'], status: 'passed' },
    { findings: ['passed', 'failed'], status: 'failed' },
    { findings: ['errored', 'passed'], status: 'errored' },
    { findings: ['errored', 'failed'], status: 'failed' },
    { findings: ['passed', 'inconclusive'], status: 'failed' },
  ] as const)('$findings: $status', ({ findings, status }) => {
    expect(
      endOf(
        findings.map((verdict) => found(verdict)),
        null,
      ).status,
    ).toBe(status)
  })

  it('says why, check by check', () => {
    const { reason } = endOf([found('failed'), found('passed'), found('inconclusive')], null)
    expect(reason).toBe('artifact: it failed; artifact: it inconclusive')
  })

  it('fails when two checks saw different artifacts, however well both went (V3)', () => {
    const end = endOf([found('passed', 'sha256:a'), found('passed', 'sha256:b')], null)
    expect(end).toEqual({
      status: 'failed',
      digest: null,
      reason: 'the artifact changed while it was being checked',
    })
  })

  it('fails when the artifact is no longer the one that was validated before (V8)', () => {
    const end = endOf([found('passed', 'sha256:b'), found('passed')], 'sha256:a')
    expect(end).toMatchObject({
      status: 'failed',
      reason: 'the artifact has digest sha256:b, not sha256:a as before',
    })
  })

  it('pins the digest that the checks saw where none was declared', () => {
    expect(endOf([found('passed'), found('passed', 'sha256:a')], null)).toMatchObject({
      status: 'passed',
      digest: 'sha256:a',
    })
  })
})
