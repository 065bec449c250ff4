import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../src/errors.ts'
import { loadPolicy } from '../../src/policy/load.ts'

/** The faults of a policy as `line:column message`; empty when it is accepted. Anything else that is thrown gets out. */
function faultsOf(text: string): string[] {
  try {
    loadPolicy(text, 'greenroom.yaml', '/srv')
    return []
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    return error.message.split('\n').map((line) => {
      expect(line).toMatch(/^greenroom\.yaml:\d+:\d+ /)
      return line.slice('greenroom.yaml:'.length)
    })
  }
}

type Case = [text: string, ...faults: string[]]
const inChecks = (check: string, ...faults: string[]): Case => [
  `defaults:\n  validate:\n  - ${check}`,
  ...faults,
]
const inApproval = (approval: string, ...faults: string[]): Case => [
  `people: { alice: { slack: U1, aliases: [al@x.com] }, bob: {} }\ndefaults:\n  approval: ${approval}`,
  ...faults,
]
const amount = 'must be a number of at least 0 in the unit of the metric, or a percentage such as 0.5%'
const timeout = 'timeout must be a duration from 1ms to 24h, such as 30s'
const expires = 'expires must be a duration from 1m to 365d, or never'

const shape: Case[] = [
  ['- a', '1:1 the file must be a mapping'],
  ['hello', '1:1 the file must be a mapping'],
  ['model: {}', '1:1 unknown key "model" at the top; did you mean "models"?'],
  ['xyz: 1', '1:1 unknown key "xyz" at the top'],
  ['people: [alice]', '1:9 people must be a mapping'],
  ['people:', '1:8 people is empty; give it a value or remove the key'],
  ['models: 7', '1:9 models must be a mapping'],
  ['defaults: x', '1:11 defaults must be a mapping'],
  ['defaults:\n  gates: none', '2:3 unknown key "gates" under defaults; did you mean "gate"?'],
  ['defaults:\n  gate: aproved', '2:9 gate must be approved or none; did you mean "approved"?'],
  ['defaults:\n  archive_existing: no', '2:21 archive_existing must be true or false'],
  ['defaults:\n  test: artifact', '2:9 test must be a list'],
  ['defaults:\n  validate:', '2:12 validate is empty; give it a value or remove the key'],
  ['models:\n  m:', '2:5 m is empty; give it a value or remove the key'],
  ['models:\n  m: { quorum: 1 }', '2:8 unknown key "quorum" under m'],
  ['models:\n  "": {}', '2:3 the glob "" must name a model; write * for all'],
  ['models:\n  " m": {}', '2:3 the glob " m" must not begin or end with a space'],
  [
    'models:\n  "fraud-*": {}\n  "*": { gate: none }\n  "churn-*": { gate: approved }',
    '4:3 the glob "churn-*" is never reached, because "*" above it names all that it does; move it up',
  ],
  [
    'models:\n  team/fraud: {}',
    '2:3 the glob "team/fraud" uses "/", which no model has in its name, so it would never match',
  ],
  [
    'models:\n  "{a,b}-*": {}',
    '2:3 the glob "{a,b}-*" uses "{", which has no meaning here; * stands for any run of characters, ? for one, and each kind of model has its own key',
  ],
]

const checks: Case[] = [
  inChecks('smoek: {}', '3:5 unknown key "smoek" under validate; did you mean "smoke"?'),
  inChecks('artefact', '3:5 unknown key "artefact" under validate; did you mean "artifact"?'),
  inChecks(
    '{}',
    '3:5 an entry of validate must be one check: artifact, smoke, metrics, incumbent or documented',
  ),
  inChecks(
    '{ artifact: {}, smoke: {} }',
    '3:5 an entry of validate must be one check: artifact, smoke, metrics, incumbent or documented',
  ),
  inChecks('7', '3:5 an entry of validate must be a mapping'),
  inChecks('artifact: { timout: 3s }', '3:17 unknown key "timout" under artifact; did you mean "timeout"?'),
  inChecks('artifact: { timeout: 30 }', `3:26 ${timeout}`),
  inChecks('artifact: { timeout: 0s }', `3:26 ${timeout}`),
  inChecks('artifact: { timeout: 25d }', `3:26 ${timeout}`),
  inChecks('artifact: { timeout: 1.5ms }', '3:26 timeout must be whole milliseconds'),
  inChecks('smoke: { target: y }', '3:22 target names a column of data; add data, or remove it'),
  inChecks('smoke: { data: "" }', '3:20 data must be a path to a CSV file'),
  inChecks('smoke: { data: "a\\0b" }', '3:20 data must be a path to a CSV file'),
  inChecks('smoke: { p95: 50 }', '3:19 p95 must be a duration from 0.001ms to 1h, such as 50ms'),
  inChecks('smoke: { p95: 0ms }', '3:19 p95 must be a duration from 0.001ms to 1h, such as 50ms'),
  inChecks('metrics', '3:5 metrics needs the name of a metric, as in rmspe: { max: 0.25 }'),
  inChecks('metrics: { timeout: 3s }', '3:14 metrics needs the name of a metric, as in rmspe: { max: 0.25 }'),
  inChecks('metrics: { rmspe: 0.25 }', '3:23 rmspe must be a mapping'),
  inChecks('metrics: { rmspe: {} }', '3:23 rmspe needs min, max or both'),
  inChecks('metrics: { rmspe: { mx: 1 } }', '3:25 unknown key "mx" under rmspe; did you mean "max"?'),
  inChecks('metrics: { rmspe: { max: "1" } }', '3:30 max must be a number'),
  inChecks('metrics: { rmspe: { min: 2, max: 1 } }', '3:23 rmspe has a min above its max'),
  inChecks(
    'metrics: { rmspe: { max: .nan } }',
    '3:30 a number must be finite; .nan and .inf are not allowed',
  ),
  inChecks(
    'metrics: { rmspe: { min: -.inf } }',
    '3:30 a number must be finite; .nan and .inf are not allowed',
  ),
  inChecks(
    'metrics: { rmspe: { max: 1e999 } }',
    '3:30 a number must be finite; .nan and .inf are not allowed',
  ),
  inChecks(
    'incumbent: { metric: rmpse, max_loss: 1% }',
    '3:16 data is missing',
    '3:16 target is missing',
    '3:26 metric must be rmspe or rmse or mae or r2; did you mean "rmspe"?',
  ),
  inChecks(
    'incumbent: { data: a, target: b, metric: mae }',
    '3:16 incumbent needs either max_loss or min_gain',
  ),
  inChecks(
    'incumbent: { data: a, target: b, metric: mae, max_loss: 0, min_gain: 0 }',
    '3:16 incumbent takes max_loss or min_gain, not both; remove one',
  ),
  inChecks(
    'documented: {}',
    '3:17 documented needs something to require, as in documented: { description: true, dataset: true }',
  ),
  inChecks('incumbent: { data: a, target: b, metric: mae, max_loss: -1 }', `3:61 max_loss ${amount}`),
  inChecks('incumbent: { data: a, target: b, metric: mae, min_gain: -1% }', `3:61 min_gain ${amount}`),
  inChecks('incumbent: { data: a, target: b, metric: mae, min_gain: "1" }', `3:61 min_gain ${amount}`),
  inChecks('incumbent: { data: a, target: b, metric: mae, min_gain: [1] }', `3:61 min_gain ${amount}`),
  inChecks(
    'incumbent: { data: a, target: b, metric: mae, min_gain: 0, direction: down }',
    '3:75 direction must be lower or higher',
  ),
]

const approvals: Case[] = [
  inApproval('{ aprovers: [bob] }', '3:15 unknown key "aprovers" under approval; did you mean "approvers"?'),
  inApproval(
    '{ approvers: [] }',
    '3:26 approvers must list somebody; without the key, whoever holds the role approver decides',
  ),
  inApproval('{ approvers: bob }', '3:26 approvers must be a list'),
  inApproval('{ approvers: [7] }', '3:27 an entry of approvers must be text'),
  inApproval('{ approvers: [" bob"] }', '3:27 an entry of approvers must be a name without spaces around it'),
  inApproval(
    '{ approvers: [slack:bob] }',
    '3:27 an entry of approvers must name a Slack user by id, as in slack:U0ALICE',
  ),
  inApproval(
    '{ approvers: [bob, alcie] }',
    '3:32 the approver "alcie" is not listed under people; add them there; did you mean "alice"?',
  ),
  inApproval('{ approvers: [bob, bob] }', '3:32 the approver "bob" is listed twice'),
  inApproval(
    '{ approvers: [alice, bob, AL@x.com] }',
    '3:39 the approvers "alice" and "AL@x.com" are the same person, alice; list one of them',
  ),
  inApproval(
    '{ approvers: [slack:U1, alice] }',
    '3:37 the approvers "slack:U1" and "alice" are the same person, alice; list one of them',
  ),
  inApproval('{ approvers: [slack:U7, slack:U7] }', '3:37 the approver "slack:U7" is listed twice'),
  inApproval('{ quorum: 0 }', '3:23 quorum must be a whole number from 1 to 100'),
  inApproval('{ quorum: 1.5 }', '3:23 quorum must be a whole number from 1 to 100'),
  inApproval('{ quorum: "2" }', '3:23 quorum must be a number'),
  inApproval(
    '{ approvers: [alice], quorum: 2 }',
    '3:43 quorum is 2, but 1 approver is listed: it could never be reached',
  ),
  inApproval('{ expires: 30 }', `3:24 ${expires}`),
  inApproval('{ expires: 1s }', `3:24 ${expires}`),
  inApproval('{ expires: 366d }', `3:24 ${expires}`),
  inApproval('{ self_approval: yes }', '3:30 self_approval must be forbidden or allowed'),
  inApproval(
    '{ self_approval: forbiden }',
    '3:30 self_approval must be forbidden or allowed; did you mean "forbidden"?',
  ),
]

const acrossSections: Case[] = [
  [
    'defaults: { approval: { quorum: 2 } }\nmodels:\n  m: { approval: { approvers: [ann] } }',
    '3:31 quorum is 2, but 1 approver is listed: it could never be reached',
  ],
  [
    'defaults: { approval: { approvers: [ann, bob] } }\nmodels:\n  m: { approval: { quorum: 3 } }\n  n: { gate: none }',
    '3:28 quorum is 3, but 2 approvers are listed: it could never be reached',
  ],
  [
    'peeple: {}\npeople: { alice: { slak: U1 } }\ndefaults: { gate: x }\nmodels: { m: { test: 1 } }',
    '1:1 unknown key "peeple" at the top; did you mean "people"?',
    '2:20 unknown key "slak" under alice; did you mean "slack"?',
    '3:19 gate must be approved or none',
    '4:22 test must be a list',
  ],
]

const people: Case[] = [
  ['people:\n  alice:', '2:9 alice is empty; give it a value or remove the key'],
  ['people:\n  alice: { slack: u1 }', '2:19 slack must be a Slack user id such as U0ALICE'],
  ['people:\n  alice: { aliases: [1] }', '2:22 an entry of aliases must be text'],
  [
    'people:\n  alice: { aliases: [slack:U1] }',
    '2:22 an entry of aliases must not begin with "slack:"; a Slack user id belongs to the key slack of a person',
  ],
  [
    'people:\n  slack:U1: {}',
    '2:3 the person "slack:U1" must not begin with "slack:"; a Slack user id belongs to the key slack of a person',
  ],
  ['people:\n  "a\\tb": {}', '2:3 the person "a\tb" must be one line of at most 200 characters'],
  [
    'people:\n  alice: { slack: U1 }\n  bob: { slack: U1 }',
    '3:17 the Slack user U1 belongs to alice already; one person has one entry',
  ],
  [
    'people:\n  alice: { aliases: [a@x.com] }\n  bob: { aliases: [b@x.com, A@X.com] }',
    '3:29 the alias A@X.com belongs to alice already; one person has one entry',
  ],
  [
    'people:\n  alice: {}\n  bob: { aliases: [Alice] }',
    '3:20 the alias Alice belongs to alice already; one person has one entry',
  ],
  [
    'people:\n  alice: {}\n  ALICE: {}',
    '3:3 the name ALICE belongs to alice already; one person has one entry',
  ],
]

const yaml: Case[] = [
  [
    'a: [',
    '1:5 not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['\tgate: none', '1:1 not valid YAML: Tabs are not allowed as indentation'],
  ['defaults: {}\ndefaults: {}', '2:1 duplicate key "defaults"; it stands on line 1 already'],
  ['people:\n  a: {}\n  "a": {}', '3:3 duplicate key "a"; it stands on line 2 already'],
  ['models: { 7: {} }', '1:11 a key must be text; put it in quotes'],
  ['models: { ? [a] : {} }', '1:13 a key must be text; put it in quotes'],
  ['models: { __proto__: {} }', '1:11 the key "__proto__" is not allowed'],
  ['? people\n\n  -', '1:3 unknown key "people\\n-" at the top; did you mean "people"?'],
  ['"a\\u2028\\e": 1', '1:1 unknown key "a\\u2028\\u001b" at the top'],
  [
    'people: { a: { slack: !!js/function "f" } }',
    '1:23 unknown tag: tag:yaml.org,2002:js/function; a policy needs plain values only',
  ],
  ['people: !local {}', '1:9 unknown tag: !local; a policy needs plain values only'],
  ['people: !!set { a }', '1:9 unknown tag: tag:yaml.org,2002:set; a policy needs plain values only'],
  ['people: *x', '1:9 the alias *x names nothing above it'],
  ['people: &x { a: *x }', '1:17 the alias *x stands inside what it names'],
  ['models: {}\n---\nmodels: {}', '2:1 a second document begins here; a policy file holds one'],
  ['models: { <<: { a: {} } }', '1:17 unknown key "a" under <<'],
  [`models: ${'['.repeat(40)}${']'.repeat(40)}`, '1:41 nested more than 32 levels deep'],
  ['#'.repeat(256 * 1024 + 1), '1:1 the file is larger than 256 kB'],
]

describe.each([
  ['the shape', shape],
  ['checks', checks],
  ['approvals', approvals],
  ['sections together', acrossSections],
  ['people', people],
  ['YAML itself', yaml],
])('in %s', (_, cases) => {
  test.each(cases.map(([text, ...faults]) => ({ text, faults })))('says $faults.0', ({ text, faults }) => {
    expect(faultsOf(text)).toEqual(faults)
  })
})

test('an alias bomb is refused before it goes off', () => {
  const level = (name: string, of: string) => `${name}: &${name} [${Array(9).fill(of).join(', ')}]`
  const bomb = ['x', ...'abcdefgh'].map((name, index, all) =>
    level(name, index === 0 ? 'y' : `*${all[index - 1]}`),
  )
  const started = performance.now()
  expect(faultsOf(bomb.join('\n'))).toEqual(['1:1 aliases (*name) repeat too much of the file'])
  expect(performance.now() - started).toBeLessThan(1000)
})

test('brackets without end are refused, not followed', () => {
  const faults = faultsOf('['.repeat(20_000))
  expect(faults[0]).toMatch(/nested more than 32 levels deep|not valid YAML/)
  expect(faults.length).toBeLessThanOrEqual(20)
})

const words = [
  'people',
  'defaults',
  'models',
  'validate',
  'approval',
  'approvers',
  'artifact',
  'metrics',
  'smoke',
  'slack:U1',
]
const signs = [
  ': ',
  '\n',
  '\n  ',
  '\n    - ',
  '{',
  '}',
  '[',
  ']',
  ', ',
  '&a ',
  '*a',
  '!!x ',
  '"',
  "'",
  '|',
  '>',
  '#',
  '? ',
  '---\n',
  '%',
  '\t',
  '\0',
  '~',
  '.nan',
  '1e999',
  '0.5%',
  '72h',
  '__proto__',
  '<<',
]

test.each([
  ['random text', fc.string({ unit: 'binary', maxLength: 3000 })],
  [
    'text made of the words and signs of a policy',
    fc.array(fc.constantFrom(...words, ...signs), { maxLength: 300 }).map((parts) => parts.join('')),
  ],
  ['a random document', fc.json({ maxDepth: 6 })],
  [
    'random values under the right keys',
    fc
      .record(
        {
          people: fc.jsonValue(),
          defaults: fc.record({ validate: fc.jsonValue(), approval: fc.jsonValue() }),
          models: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value)),
  ],
])('%s is accepted or refused with faults, in under a second', (_, texts) => {
  fc.assert(
    fc.property(texts, (text) => {
      const started = performance.now()
      for (const fault of faultsOf(text)) expect(fault.length).toBeGreaterThan(5)
      expect(performance.now() - started).toBeLessThan(1000)
    }),
    { numRuns: 500 },
  )
})
