import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Env, scorePolicy, startServer, type TestServer } from './greenroom.ts'

// One server for the file: each test has models of its own.
let server: TestServer
let as: Record<'alice' | 'viewer' | 'registrar', Env>

beforeAll(async () => {
  server = await startServer(scorePolicy, ['--with-workers'])
  as = await server.tokens({ alice: 'approver', viewer: 'viewer', registrar: 'registrar' })
})
afterAll(() => server.close())

test('register --wait shows each check as it ends, then where the version stands, and what to do next', async () => {
  const { code, stdout, stderr } = await register('trip', '0.9')
  expect(stdout.split('\n')).toEqual([
    'Checks before Staging',
    expect.stringMatching(/^ {2}passed metrics \(\d+ ms\): .*score/),
    'trip version 1 passed and is in Staging · awaitingApproval.',
    'Answer with `greenroom approve trip --version 1`',
    'or `greenroom decline trip --version 1 --reason "…"`.',
    '',
  ])
  expect(stderr).toBe('✔ trip version 1 is registered.\n')
  expect(code).toBe(0)
})

test('register --wait fails with its checks, and says with which figures', async () => {
  const { code, stdout } = await register('weak', '0.1')
  expect(stdout).toMatch(/failed metrics .*0\.1.*0\.5/)
  expect(stdout).toContain('weak version 1 did not pass and is in None · rejected.')
  expect(code).toBe(1)
})

test('register --wait is done with a version that its policy neither checks nor asks about', async () => {
  const { code, stdout } = await server.greenroom(['register', 'free-bare', '--source', 's', '--wait'])
  expect(stdout).toContain(
    'free-bare version 1 was not checked (its policy asks for no checks) and is in None · idle.',
  )
  expect(code).toBe(0)
})

test('register takes all that may be said of a version, and info shows it', async () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const args = ['register', 'full', '--source', 's3://bucket/model', '--version', '7', '--run-id', 'run-1']
  const facts = ['--metric', 'score=0.5', '--metric', 'mae=1e3', '--tag', 'team=a=b', '--tag', 'empty=']
  const texts = ['--description', 'a model', '--author', 'carol', '--digest', digest]
  const registered = await server.json([...args, ...facts, ...texts], as.registrar)
  expect(registered).toMatchObject({ outcome: 'registered', name: 'full', version: 7 })
  expect(await server.json(['info', 'full', '--version', '7'], as.viewer)).toMatchObject({
    name: 'full',
    version: 7,
    source: 's3://bucket/model',
    run_id: 'run-1',
    metrics: { score: 0.5, mae: 1000 },
    tags: { team: 'a=b', empty: '' },
    description: 'a model',
    author: 'carol',
    registered_by: 'registrar',
    digest,
  })
})

test('a source that is a file here is registered by its whole path; any other as it was written', async () => {
  await server.json(['register', 'paths', '--source', 'greenroom.yaml'])
  await server.json(['register', 'paths', '--source', 'models:/elsewhere/1'])
  const sources = await Promise.all(
    ['1', '2'].map((version) => server.json<{ source: string }>(['info', 'paths', '--version', version])),
  )
  const file = `${server.place.cwd}/greenroom.yaml`
  expect(sources.map(({ source }) => source)).toEqual([file, 'models:/elsewhere/1'])
})

test('registering the same again changes nothing and is done; something else under its number is refused', async () => {
  const args = ['register', 'twice', '--version', '1', '--source']
  await server.json([...args, 'a'])
  expect(await server.json([...args, 'a'])).toMatchObject({ outcome: 'duplicate', version: 1 })
  const { code, stdout, stderr } = await server.greenroom([...args, 'b'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/already registered with another source .*leave out the version/)
})

test('models and info show in tables what is registered', async () => {
  await server.stage('shown', 0.6, { author: 'carol' })
  await server.json(['approve', 'shown'], as.alice)
  const models = (await server.greenroom(['models'])).stdout
  expect(models).toMatch(/^MODEL +VERSIONS +PRODUCTION +CHANGED\n/)
  expect(models).toMatch(/^shown +1 +1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/m)
  const info = (await server.greenroom(['info', 'shown'])).stdout
  expect(info).toMatch(/^shown\n\nVERSION +STAGE +STATE +AUTHOR +METRICS +REGISTERED\n/)
  expect(info).toMatch(/^1 +Production +live +carol +score 0\.6 +\d{4}/m)
  const version = (await server.greenroom(['info', 'shown', '--version', '1'])).stdout
  expect(version).toMatch(/^shown version 1 {2}Production · live\n/)
  expect(version).toMatch(/✔ passed +metrics +\d+ ms +.*score/)
  expect(version).toMatch(/approved: 1 of 1 approvals\n {2}alice approved on .* \(cli\)/)
})

test('history tells who did what through the command line and why, newest rows last, as many as wanted', async () => {
  await server.stage('past', 0.6)
  await server.json(['approve', 'past', '--reason', 'looks good'], as.alice)
  const { events, intact } = await server.json<{ events: object[]; intact: boolean }>(['history', 'past'])
  expect(intact).toBe(true)
  expect(events.at(0)).toMatchObject({ seq: 1, type: 'registered', actor: 'admin', channel: 'api' })
  const last = { type: 'approved', actor: 'alice', channel: 'cli', reason: 'looks good' }
  expect(events.at(-1)).toMatchObject(last)
  const { stdout, stderr } = await server.greenroom(['history', 'past', '--limit', '1'])
  expect(stdout.trim().split('\n')).toHaveLength(2)
  expect(stdout).toMatch(/approved .*Production · live .*alice \(cli\) +looks good/)
  expect(stderr).toBe(`The newest 1 of ${events.length} rows; --limit shows more.\n`)
  const first = await server.json<{ events: object[] }>(['history', 'past', '--version', '1'])
  expect(first.events).toEqual(events)
})

test('token create prints the token alone, so that a script can take it, and tells the rest beside it', async () => {
  const args = ['token', 'create', '--name', 'ci', '--role', 'registrar', '--role', 'approver']
  const { code, stdout, stderr } = await server.greenroom([...args, '--expires', '30d'])
  expect(stdout).toMatch(/^gr_[\w-]+\n$/)
  expect(stderr).toMatch(/^The token of ci \(registrar, approver\) is good until \d{4}-/)
  expect(code).toBe(0)
  const env = { GREENROOM_TOKEN: stdout.trim() }
  expect(await server.json(['register', 'by-ci', '--source', 's'], env)).toMatchObject({ version: 1 })
  const refused = await server.greenroom(args, env)
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('does not have the role admin') })
})

test('what is unknown, and what no name can be, is refused in one line that says so', async () => {
  await server.stage('there', 0.9)
  const unknown = 'There is no registered model named "missing".'
  const cases: [string[], string][] = [
    [['info', 'missing'], unknown],
    [['info', 'missing', '--version', '3'], unknown],
    [['validate', 'missing'], unknown],
    [['promote', 'missing'], unknown],
    [['history', 'missing'], unknown],
    [['history', 'there', '--version', '99'], 'There is no version 99 of "there".'],
    [['archive', 'missing', '--version', '1'], unknown],
    [['approve', 'missing'], unknown],
    [['approve', '00000000-0000-4000-8000-000000000000'], 'There is no approval request 00000000-'],
    [['info', '..'], 'There can be nothing named ".."'],
    [['info', 'a/b'], 'must not contain "/" or ":"'],
    [['register', '', '--source', 's'], 'There can be nothing named ""'],
  ]
  for (const [args, sentence] of cases) {
    const { code, stdout, stderr } = await server.greenroom(args)
    expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: '' })
    expect(stderr).toContain(sentence)
    expect(stderr).toMatch(/^[^\n]+\n$/)
  }
})

test('a wrong token, and none, are refused with the variable to set', async () => {
  const wrong = await server.greenroom(['models'], { GREENROOM_TOKEN: 'gr_wrong' })
  expect(wrong).toMatchObject({ code: 1, stdout: '' })
  expect(wrong.stderr).toMatch(/not valid.* Set GREENROOM_TOKEN to one that is\.\n$/)
  const none = await server.greenroom(['models', '--json'], { GREENROOM_HOME: '/nowhere' })
  expect(none.code).toBe(1)
  expect(JSON.parse(none.stdout).error).toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('Set GREENROOM_TOKEN'),
  })
})

test('nothing that others wrote can steer the terminal, neither as text nor as JSON', async () => {
  const evil = 'evil\u001b[31m\u009b2J\u0007\u202egnp\nSECOND LINE'
  const name = 'evil\u001b]0;title\u0007\u009b1m'
  const facts = {
    description: evil,
    author: evil,
    run_id: evil,
    tags: { [evil]: evil },
    metrics: { [evil]: 1 },
  }
  await server.stage(name, 0.6, facts)
  const declined = await server.greenroom(['decline', name, '--reason', evil], as.alice)
  const runs = await Promise.all(
    [['models'], ['info', name], ['info', name, '--version', '1'], ['history', name]].flatMap((args) => [
      server.greenroom(args),
      server.greenroom([...args, '--json']),
    ]),
  )
  for (const { code, stdout, stderr } of [declined, ...runs]) {
    expect(code).toBe(0)
    expect(stdout).toContain('evil')
    expectHarmless(stdout + stderr)
  }
  const refused = await server.greenroom(['approve', name], as.alice)
  expect(refused.stderr).toContain('evil')
  expectHarmless(refused.stderr)
  const asJson = await server.json(['info', name, '--version', '1'])
  expect(asJson).toMatchObject({ name, description: evil, run_id: evil, tags: { [evil]: evil } })
})

/** Registers a version of a model with the metric that decides, and waits. */
function register(name: string, score: string) {
  return server.greenroom(['register', name, '--source', 's', '--metric', `score=${score}`, '--wait'])
}

function expectHarmless(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]|^SECOND/m)
}
