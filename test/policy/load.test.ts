import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { OperatorError } from '../../src/errors.ts'
import { loadPolicy, readPolicy } from '../../src/policy/load.ts'

const load = (text: string) => loadPolicy(text, 'greenroom.yaml', '/srv/policy')
const rulesOf = (text: string, model = 'm') => load(text).rulesFor(model).rules

const artifact = { kind: 'artifact', timeoutMs: 60_000 }
const builtIn = {
  gate: 'approved',
  validate: [artifact],
  test: [artifact],
  approval: { approvers: null, quorum: 1, expiresMs: 7 * 86_400_000, selfApproval: false },
  archiveExisting: true,
  protectedAliases: [],
}

test.each(['', '\n', '# nothing but a comment\n', '---\n', '{}', '\ufeff{}'])(
  '%j leaves the built-in rules',
  (text) => {
    expect(rulesOf(text)).toEqual(builtIn)
    expect(load(text).people).toEqual([])
  },
)

test('without a file the built-in rules hold', () => {
  expect(readPolicy(null).rulesFor('m').rules).toEqual(builtIn)
})

test('every key of the format ends up in the rules, with its units converted', () => {
  const policy = load(`
people:
  alice: { slack: U0ALICE, aliases: [alice@example.com] }
  carol: {}
defaults:
  gate: none
  validate:
    - artifact: { timeout: 5m }
    - smoke: { data: holdout.csv, target: Sales, p95: 0.5ms, timeout: 30s }
    - metrics: { rmspe: { max: 0.25 }, r2: { min: -1, max: 1 }, timeout: 1s }
    - incumbent: { data: ../data/h.csv, target: Sales, metric: rmspe, max_loss: 0.5% }
    - documented: { description: true, dataset: true, tags: [team], timeout: 2s }
  test: [smoke, incumbent: { data: /abs/h.csv, target: y, metric: r2, min_gain: 0.001, timeout: 2m }]
  approval: { approvers: [alice, slack:U0BOB], quorum: 2, expires: 72h, self_approval: allowed }
  archive_existing: false
  protected_aliases: [champion, blue-1]
`)
  expect(policy.people).toEqual([
    { name: 'alice', slack: 'U0ALICE', aliases: ['alice@example.com'] },
    { name: 'carol', slack: null, aliases: [] },
  ])
  expect(policy.rulesFor('any').rules).toEqual({
    gate: 'none',
    validate: [
      { kind: 'artifact', timeoutMs: 300_000 },
      { kind: 'smoke', data: '/srv/policy/holdout.csv', target: 'Sales', p95Ms: 0.5, timeoutMs: 30_000 },
      { kind: 'metrics', limits: { rmspe: { max: 0.25 }, r2: { min: -1, max: 1 } }, timeoutMs: 1000 },
      {
        kind: 'incumbent',
        data: '/srv/data/h.csv',
        target: 'Sales',
        metric: 'rmspe',
        direction: 'lower',
        require: 'loss',
        by: { relative: 0.005 },
        timeoutMs: 60_000,
      },
      {
        kind: 'documented',
        description: true,
        run: false,
        dataset: true,
        tags: ['team'],
        timeoutMs: 2000,
      },
    ],
    test: [
      { kind: 'smoke', data: null, target: null, p95Ms: null, timeoutMs: 60_000 },
      {
        kind: 'incumbent',
        data: '/abs/h.csv',
        target: 'y',
        metric: 'r2',
        direction: 'higher',
        require: 'gain',
        by: { absolute: 0.001 },
        timeoutMs: 120_000,
      },
    ],
    approval: { approvers: ['alice', 'slack:U0BOB'], quorum: 2, expiresMs: 259_200_000, selfApproval: true },
    archiveExisting: false,
    protectedAliases: ['champion', 'blue-1'],
  })
})

test.each(['artifact', 'artifact:', 'artifact: {}', 'artifact: { timeout: 60s }'])(
  'the check "- %s" is the same',
  (check) => {
    expect(rulesOf(`defaults:\n  validate:\n    - ${check}\n`).validate).toEqual([artifact])
  },
)

test('an empty list of checks means none', () => {
  expect(rulesOf('defaults: { validate: [], test: [] }')).toMatchObject({ validate: [], test: [] })
})

test('an approval that never expires has no deadline', () => {
  expect(rulesOf('defaults: { approval: { expires: never } }').approval.expiresMs).toBeNull()
})

test('a direction that is written wins over the one of the metric', () => {
  const check = 'incumbent: { data: a, target: b, metric: rmse, max_loss: 0, direction: higher }'
  expect(rulesOf(`defaults: { validate: [${check}] }`).validate).toMatchObject([
    { direction: 'higher', by: { absolute: 0 } },
  ])
})

describe('a model', () => {
  const text = `
defaults:
  validate: [artifact, smoke]
  approval: { approvers: [ann, bob], quorum: 2, expires: 1h }
models:
  "fraud-*": { validate: [smoke], approval: { quorum: 1 } }
  "*-eu": { gate: none }
  "2024": { archive_existing: false }
  "?-test": { gate: none }
`
  const { rulesFor } = load(text)

  test('takes a key that its glob gives, and the rest from the defaults', () => {
    expect(rulesFor('fraud-us').rules).toMatchObject({
      test: [artifact],
      gate: 'approved',
      archiveExisting: true,
    })
    expect(rulesFor('fraud-us').rules.validate).toMatchObject([{ kind: 'smoke' }])
  })

  test('has the approval of its glob merged key by key', () => {
    const approval = { approvers: ['ann', 'bob'], quorum: 1, expiresMs: 3_600_000, selfApproval: false }
    expect(rulesFor('fraud-us').rules.approval).toEqual(approval)
    expect(rulesFor('other').rules.approval).toEqual({ ...approval, quorum: 2 })
  })

  test('takes the first glob that matches, in the order of the file', () => {
    expect(rulesFor('fraud-eu').rules.gate).toBe('approved')
    expect(
      load('models: { "20*": { gate: none }, "*24": { gate: approved } }').rulesFor('2024').rules.gate,
    ).toBe('none')
    expect(
      load('models: { "2024": { gate: approved }, "*": { gate: none } }').rulesFor('2024').rules.gate,
    ).toBe('approved')
  })

  test('that no glob matches has the defaults', () => {
    expect(rulesFor('Fraud-eu').rules.validate).toHaveLength(2)
    expect(rulesFor('a-test').rules.gate).toBe('none')
    expect(rulesFor('ab-test').rules.gate).toBe('approved')
  })

  test('named as a member of every object is a model like any other', () => {
    for (const name of ['constructor', '__proto__', 'toString'])
      expect(rulesFor(name).rules.gate).toBe('approved')
    expect(load('models: { constructor: { gate: none } }').rulesFor('constructor').rules.gate).toBe('none')
  })
})

test('approvers become canonical names, whatever name the file used', () => {
  const people = 'people: { alice: { slack: U1, aliases: [A.Lice@Example.com] }, bob: { slack: U2 } }'
  const approvers = (list: string) =>
    rulesOf(`${people}\ndefaults: { approval: { approvers: ${list} } }`).approval.approvers
  expect(approvers('[a.lice@example.COM, slack:U2, slack:U3]')).toEqual(['alice', 'bob', 'slack:U3'])
  expect(approvers('[ALICE, bob]')).toEqual(['alice', 'bob'])
})

test('where the file lists no people, an approver is taken by any name', () => {
  expect(rulesOf('defaults: { approval: { approvers: [carol] } }').approval.approvers).toEqual(['carol'])
})

test('aliases of YAML may be used to say a thing once', () => {
  const text = 'models: { a: &strict { gate: none, validate: [] }, b: *strict, c: *strict }'
  expect(rulesOf(text, 'c')).toEqual(rulesOf(text, 'a'))
})

describe('the hash', () => {
  const hashOf = (text: string, baseDir = '/srv/policy', model = 'm') =>
    loadPolicy(text, 'f', baseDir).rulesFor(model).hash
  const text = 'defaults: { validate: [smoke: { data: h.csv }], approval: { quorum: 1, expires: 2h } }'

  test('is the same wherever the file lies', () => {
    expect(hashOf(text, '/a')).toBe(hashOf(text, '/b'))
    expect(hashOf(text)).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  test('is the same however the rules are spelled', () => {
    const other =
      '{"models": {"m": {"approval": {"expires": "120m"}, "validate": [{"smoke": {"timeout": "1m", "data": "h.csv"}}]}}}'
    expect(hashOf(other)).toBe(hashOf(text))
  })

  test.each([
    'defaults: { validate: [smoke: { data: ./h.csv }], approval: { expires: 2h } }',
    'defaults: { validate: [smoke: { data: h.csv }], approval: { expires: 3h } }',
    'defaults: { validate: [smoke: { data: h.csv }, artifact], approval: { expires: 2h } }',
    'defaults: { validate: [smoke: { data: h.csv }], approval: { expires: 2h }, archive_existing: false }',
    '',
  ])('changes with the rules: %s', (other) => {
    expect(hashOf(other)).not.toBe(hashOf(text))
  })

  test('does not change with the rules of other models', () => {
    expect(hashOf(`${text}\nmodels: { other: { gate: none } }`)).toBe(hashOf(text))
  })
})

describe('a policy file that cannot be read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-policy-'))
  const write = (content: string | Buffer) => {
    const path = join(folder, 'policy.yaml')
    writeFileSync(path, content)
    return path
  }
  const cleanUp = () => onTestFinished(() => rmSync(folder, { recursive: true, force: true }))

  test('is refused with its path and the reason', () => {
    cleanUp()
    const path = write('defaults: { validate: [smoke: { data: h.csv }] }')
    expect(readPolicy(path).rulesFor('m').rules.validate).toMatchObject([{ data: join(folder, 'h.csv') }])
    expect(() => readPolicy(join(folder, 'gone.yaml'))).toThrow(OperatorError)
    expect(() => readPolicy(join(folder, 'gone.yaml'))).toThrow(
      /gone\.yaml: the policy file cannot be read: ENOENT/,
    )
    expect(() => readPolicy(folder)).toThrow(/cannot be read: EISDIR/)
    expect(() => readPolicy(write(Buffer.from([0x61, 0x3a, 0x20, 0xff])))).toThrow(
      /cannot be read: it is not UTF-8 text/,
    )
    expect(() => readPolicy(write('#'.repeat(256 * 1024 + 1)))).toThrow(/:1:1 the file is larger than 256 kB/)
    expect(readPolicy(write('#'.repeat(256 * 1024))).people).toEqual([])
  })
})
