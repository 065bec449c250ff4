import { expect, test } from 'vitest'
import { runCheck } from '../../src/checks/check.ts'
import { environment, subject } from './subjects.ts'

const limits = { rmspe: { max: 0.25 }, r2: { min: 0.5, max: 1 } }

test.each([
  [{ rmspe: 0.2, r2: 0.7, mae: 9 }, 'passed', 'within limits: rmspe 0.2, r2 0.7'],
  [{ rmspe: 0.25, r2: 0.5 }, 'passed', 'within limits: rmspe 0.25, r2 0.5'],
  [{ rmspe: 0.2501, r2: 0.7 }, 'failed', 'rmspe 0.2501 is above its maximum 0.25'],
  [{ rmspe: 0.3, r2: 0.4 }, 'failed', 'rmspe 0.3 is above its maximum 0.25; r2 0.4 is below its minimum 0.5'],
  [{ rmspe: 0.3 }, 'failed', 'rmspe 0.3 is above its maximum 0.25; r2 was not reported'],
  [{ rmspe: 0.2 }, 'inconclusive', 'r2 was not reported'],
  [{}, 'inconclusive', 'rmspe was not reported; r2 was not reported'],
  [{ rmspe: Number.NaN, r2: 0.7 }, 'failed', 'rmspe is not a number'],
  [
    { rmspe: Number.NEGATIVE_INFINITY, r2: Number.POSITIVE_INFINITY },
    'failed',
    'r2 Infinity is above its maximum 1',
  ],
])('%j: %s', async (metrics, verdict, summary) => {
  const rule = { kind: 'metrics', limits, timeoutMs: 1000 } as const
  const finding = await runCheck(rule, subject('nowhere', { metrics }), null, environment())
  expect(finding).toMatchObject({ verdict, summary, digest: null })
})

test('what was measured is what was reported, null where nothing was', async () => {
  const rule = { kind: 'metrics', limits, timeoutMs: 1000 } as const
  const finding = await runCheck(rule, subject('nowhere', { metrics: { r2: 0.7 } }), null, environment())
  expect(finding.measured).toEqual({ rmspe: null, r2: 0.7 })
})

test('a metric may be called like something every object has', async () => {
  const rule = { kind: 'metrics', limits: { constructor: { max: 1 } }, timeoutMs: 1000 } as const
  expect(await runCheck(rule, subject('nowhere'), null, environment())).toMatchObject({
    verdict: 'inconclusive',
  })
})
