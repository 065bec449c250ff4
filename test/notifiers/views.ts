import fc from 'fast-check'
import type { CheckView, RequestView, VersionView } from '../../src/notifiers/notifier.ts'

/** A version of which everything is known. */
export function versionView(over: Partial<VersionView> = {}): VersionView {
  return {
    version: 2,
    stage: 'Staging',
    source: 'file:///models/rossmann/v2.onnx',
    runId: '7c2e9c51b8d94f0e8a6d1b6f1e0a4c2d',
    digest: `sha256:ab12cd34ef56${'0'.repeat(52)}`,
    author: 'carol@example.com',
    description: 'Averages two regressors.',
    metrics: { rmspe: 0.1083, rows: 844_392 },
    tags: { team: 'retail', dataset: 'rossmann-2015-07' },
    ...over,
  }
}

/** A request that waits for one of two people, version 2 against version 1. */
export function requestView(over: Partial<RequestView> = {}): RequestView {
  return {
    id: 'a3c1a0f2-5a9c-4f1e-9f51-0c4f2b1d7e11',
    model: 'rossmann-ensemble',
    state: 'pending',
    candidate: versionView(),
    incumbent: versionView({ version: 1, stage: 'Production', metrics: { rmspe: 0.1212, rows: 844_392 } }),
    archiveExisting: true,
    checks: [
      { kind: 'artifact', verdict: 'passed', summary: 'model.onnx is there', measured: {} },
      {
        kind: 'incumbent',
        verdict: 'passed',
        summary: 'rmspe 0.1101 against 0.1235',
        measured: {
          metric: 'rmspe',
          candidate: 0.1101,
          incumbent: 0.1235,
          change: 0.0134,
          allowed: 0,
          rows: 9,
        },
      },
    ],
    approvers: ['anna', 'ben'],
    quorum: 1,
    decisions: [],
    openedAt: new Date('2026-01-02T03:04:05Z'),
    expiresAt: new Date('2026-01-05T03:04:05Z'),
    closedAt: null,
    outcomeReason: null,
    traceId: 'b1f0c2de-1111-4222-8333-444455556666',
    ...over,
  }
}

/** What somebody may write who wants to be taken for somebody else. */
export const evilTexts = [
  '<!channel>',
  '<@U1>',
  '<http://evil.example|Approve>',
  'http://evil.example/approve',
  '*bold* _slanted_ ~struck~ `code` ```block```',
  ':tada: &lt;!channel&gt;',
  'abc\u202Egnp.exe',
  'in\u200Bvis\u2060ible\uFEFF',
  '\u001b[31mred\u0007',
  'two\nlines\r\nand\u2028a third',
  'half \ud83d of a pair',
  `Z${'\u0301'.repeat(200)}algo`,
  'x'.repeat(5_000),
  '\u200B',
  ' ',
  '',
]

const someText = fc.oneof(
  fc.constantFrom(...evilTexts),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .tuple(fc.constantFrom(...evilTexts), fc.nat(40))
    .map(([text, times]) => text.repeat(times).slice(0, 20_000)),
)
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const someNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, 1e-300, 1e308, Number.NaN, Number.POSITIVE_INFINITY),
)

// Large records are repeated from a small one: it is their size that matters.
const many = <T>(value: fc.Arbitrary<T>, most: number) =>
  fc
    .tuple(fc.array(fc.tuple(someText, value), { maxLength: 12 }), fc.constantFrom(1, 1, 1, most))
    .map(([entries, size]) => {
      const copies = Math.ceil(size / 12)
      return Object.fromEntries(
        entries.flatMap(([key, one]) =>
          Array.from({ length: copies }, (_, copy) => [`${key.slice(0, 250)}${copy || ''}`, one]),
        ),
      )
    })

const someVersion: fc.Arbitrary<VersionView> = fc.record({
  version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  stage: fc.constantFrom('None', 'Staging', 'Production', 'Archived'),
  source: someText,
  runId: orNull(someText),
  digest: orNull(someText),
  author: orNull(someText),
  description: orNull(someText),
  metrics: many(someNumber, 500),
  tags: many(someText, 10_000),
})

const someCheck: fc.Arbitrary<CheckView> = fc.record({
  kind: fc.oneof(fc.constantFrom('artifact', 'incumbent'), someText),
  verdict: orNull(fc.constantFrom('passed', 'failed', 'inconclusive', 'errored')),
  summary: orNull(someText),
  measured: orNull(
    fc.oneof(
      fc.record({ metric: someText, candidate: someNumber, incumbent: someNumber, change: someNumber }),
      fc.constant({ metric: 7 }),
    ),
  ),
})

const someDate = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })

/** Any request, whatever people wrote into it. */
export const someRequest: fc.Arbitrary<RequestView> = fc.record({
  id: fc.uuid(),
  model: someText,
  state: fc.constantFrom('pending', 'approved', 'declined', 'expired', 'withdrawn', 'stale'),
  candidate: someVersion,
  incumbent: orNull(someVersion),
  archiveExisting: fc.boolean(),
  checks: fc.array(someCheck, { maxLength: 40 }),
  approvers: orNull(fc.array(someText, { minLength: 1, maxLength: 40 })),
  quorum: fc.integer({ min: 1, max: 100 }),
  decisions: fc.array(
    fc.record({
      principal: someText,
      answer: fc.constantFrom('approve', 'decline'),
      reason: orNull(someText),
      at: someDate,
    }),
    { maxLength: 40 },
  ),
  openedAt: someDate,
  expiresAt: orNull(someDate),
  closedAt: orNull(someDate),
  outcomeReason: orNull(someText),
  traceId: someText,
})
