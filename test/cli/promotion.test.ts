import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Env, scorePolicy, startServer, type TestServer } from './greenroom.ts'

// One server for the file: each test has models of its own.
let server: TestServer
let as: Record<'alice' | 'bob' | 'viewer' | 'registrar', Env>

beforeAll(async () => {
  server = await startServer(scorePolicy, ['--with-workers'])
  as = await server.tokens({ alice: 'approver', bob: 'approver', viewer: 'viewer', registrar: 'registrar' })
})
afterAll(() => server.close())

test('approve finds what waits by the name of the model, promotes, and archives what it replaces', async () => {
  await server.stage('line', 0.6)
  const first = await server.greenroom(['approve', 'line', '--reason', 'fine'], as.alice)
  expect(first).toEqual({
    code: 0,
    stdout: '✔ line version 1 is in Production.\n',
    stderr: 'Answering about version 1 of line.\n',
  })
  await server.stage('line', 0.7)
  const second = await server.json(['approve', 'line', '--version', '2'], as.bob)
  expect(second).toMatchObject({ outcome: 'promoted', name: 'line', version: 2, replaced: [1] })
  expect(await server.json(['info', 'line'])).toMatchObject({
    versions: [
      { version: 2, stage: 'Production', metrics: { score: 0.7 } },
      { version: 1, stage: 'Archived', metrics: { score: 0.6 } },
    ],
  })
})

test('approvals lists what waits, and its id is enough to decline; a reason is demanded', async () => {
  await server.stage('asked', 0.6)
  const { approvals } = await server.json<{ approvals: { id: string; model: string }[] }>(['approvals'])
  const { id } = approvals.find(({ model }) => model === 'asked') ?? { id: 'none' }
  expect((await server.greenroom(['approvals'])).stdout).toContain(id)
  const without = await server.greenroom(['decline', id], as.bob)
  expect(without).toMatchObject({ code: 2, stdout: '' })
  expect(without.stderr).toContain("required option '--reason <text>' not specified")
  const declined = await server.greenroom(['decline', id, '--reason', 'too slow'], as.bob)
  expect(declined).toMatchObject({ code: 0, stdout: 'asked version 1 is declined and stays in Staging.\n' })
  const late = await server.greenroom(['approve', id], as.alice)
  expect(late).toMatchObject({
    code: 1,
    stderr: 'This request is already declined (by bob); nothing was changed.\n',
  })
  const info = await server.greenroom(['info', 'asked', '--version', '1'])
  expect(info.stdout).toMatch(/bob declined .*: too slow/)
})

test('where several versions wait, the name alone is refused and the versions are named', async () => {
  await server.stage('many', 0.6)
  await server.stage('many', 0.7)
  const { code, stderr } = await server.greenroom(['approve', 'many'], as.alice)
  expect(code).toBe(1)
  expect(stderr).toBe('Versions 2, 1 of "many" wait for approval; say which with --version.\n')
})

test('approving what nobody was asked about is refused with what to do', async () => {
  await server.stage('rejected', 0.1)
  const byName = await server.greenroom(['approve', 'rejected'], as.alice)
  expect(byName).toMatchObject({ code: 1, stderr: expect.stringContaining('No version of "rejected" waits') })
  const byVersion = await server.greenroom(['approve', 'rejected', '--version', '1'], as.alice)
  expect(byVersion).toMatchObject({ code: 1, stderr: expect.stringContaining('`greenroom promote` asks') })
})

test('the author, and whoever is not an approver, is refused', async () => {
  await server.stage('own', 0.6, { author: 'alice' })
  expect(await server.greenroom(['approve', 'own'], as.alice)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('You are the author of this version'),
  })
  expect(await server.greenroom(['approve', 'own'], as.viewer)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not have the role approver'),
  })
})

test('promote is an approval like any other: it counts once, and the quorum decides', async () => {
  await server.stage('pair-a', 0.6)
  const once = await server.greenroom(['promote', 'pair-a'], as.alice)
  expect(once.stdout).toBe('Your approval of pair-a version 1 is counted: 1 of 2.\n')
  expect(once.stderr).toBe('Taking version 1 of pair-a, the newest in Staging.\n')
  expect(await server.json(['promote', 'pair-a'], as.alice)).toMatchObject({ outcome: 'duplicate' })
  expect(await server.json(['promote', 'pair-a'], as.bob)).toMatchObject({ outcome: 'promoted' })
  const late = await server.json(['promote', 'pair-a', '--version', '1'], as.bob)
  expect(late).toMatchObject({ outcome: 'already_live' })
})

test('promote never skips a check: what failed is refused, with what to do', async () => {
  await server.stage('bad', 0.1)
  const newest = await server.greenroom(['promote', 'bad'], as.alice)
  expect(newest).toMatchObject({ code: 1, stderr: expect.stringContaining('no version in Staging') })
  const named = await server.greenroom(['promote', 'bad', '--version', '1', '--json'], as.alice)
  expect(named.code).toBe(1)
  expect(JSON.parse(named.stdout).error).toMatchObject({
    code: 'not_ready',
    message: expect.stringContaining('Its validation failed'),
  })
})

test('promote --no-archive-existing leaves the version in Production beside the new one', async () => {
  await server.stage('beside', 0.6)
  await server.json(['promote', 'beside'], as.alice)
  await server.stage('beside', 0.7)
  const promoted = await server.json(['promote', 'beside', '--no-archive-existing'], as.alice)
  expect(promoted).toMatchObject({ outcome: 'promoted', replaced: [] })
  const { models } = await server.json<{ models: { name: string }[] }>(['models'])
  expect(models.find(({ name }) => name === 'beside')).toMatchObject({ versions: 2, production: [2, 1] })
})

test('promote --wait tests anew, asks, and is done once somebody approved', async () => {
  await server.stage('again', 0.6)
  await server.json(['decline', 'again', '--reason', 'not yet'], as.alice)
  const waiting = server.begin(['promote', 'again', '--wait'], as.alice)
  await waitForState('again', 'awaitingApproval')
  await server.json(['approve', 'again'], as.bob)
  const { code, stdout, stderr } = await waiting.ended
  expect(stdout).toContain('again version 1 is in Production · live.')
  expect(stderr).toContain('People are asked; waiting for their answer.')
  expect(code).toBe(0)
})

test('promote --wait fails when people decline', async () => {
  await server.stage('nope', 0.6)
  await server.json(['decline', 'nope', '--reason', 'not yet'], as.alice)
  const waiting = server.begin(['promote', 'nope', '--wait', '--json'], as.alice)
  await waitForState('nope', 'awaitingApproval')
  await server.json(['decline', 'nope', '--reason', 'never'], as.bob)
  const { code, stdout } = await waiting.ended
  expect(JSON.parse(stdout)).toMatchObject({ stage: 'Staging', state: 'declined' })
  expect(code).toBe(1)
})

test('without a gate a promotion needs nobody', async () => {
  await server.stage('free-a', 0.6)
  expect(await server.json(['promote', 'free-a'], as.registrar)).toMatchObject({ outcome: 'moved' })
})

test('validate runs the checks of the newest version again and ends with where it stands', async () => {
  await server.stage('fresh', 0.1)
  await server.stage('fresh', 0.6)
  const passed = await server.greenroom(['validate', 'fresh'])
  expect(passed.stderr).toBe('Taking version 2 of fresh, the newest.\n')
  expect(passed.stdout).toMatch(
    /^All checks\n {2}passed metrics .*\nfresh version 2 passed and is in Staging/,
  )
  expect(passed.code).toBe(0)
  const failed = await server.greenroom(['validate', 'fresh', '--version', '1', '--json'])
  expect(JSON.parse(failed.stdout)).toMatchObject({
    name: 'fresh',
    version: 1,
    stage: 'None',
    state: 'rejected',
    passed: false,
    validations: [{ suite: 'validate', status: 'failed', checks: [{ check: 'metrics', verdict: 'failed' }] }],
  })
  expect(failed.stderr).toContain('failed metrics')
  expect(failed.code).toBe(1)
})

test('validate is refused for a version in Production, and nothing is changed', async () => {
  await server.stage('live', 0.6)
  await server.json(['approve', 'live'], as.alice)
  const { code, stderr } = await server.greenroom(['validate', 'live'])
  expect(code).toBe(1)
  expect(stderr).toContain('Version 1 of "live" is in Production (live) and cannot be validated now.')
  expect(await stateOf('live')).toBe('live')
})

test('archive takes a version out of Production with its reason, once', async () => {
  await server.stage('old', 0.6)
  await server.json(['approve', 'old'], as.alice)
  const args = ['archive', 'old', '--version', '1', '--reason', 'retired']
  const archived = await server.greenroom(args, as.alice)
  expect(archived).toMatchObject({ code: 0, stdout: 'old version 1 is in Archived · retired.\n' })
  const again = await server.greenroom(args, as.alice)
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be archived now') })
  expect((await server.greenroom(['archive', 'old'], as.alice)).code).toBe(2)
})

async function stateOf(name: string): Promise<string> {
  const { versions } = await server.json<{ versions: { state: string }[] }>(['info', name])
  return versions[0]?.state ?? 'none'
}

async function waitForState(name: string, wanted: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while ((await stateOf(name)) !== wanted) {
    if (Date.now() > deadline) throw new Error(`"${name}" did not come to ${wanted} within 30 s`)
    await sleep(50)
  }
}
