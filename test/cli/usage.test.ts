import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from './greenroom.ts'

let cwd: string

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'greenroom-cli-'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

test('what is not understood ends with 2, says why on stderr, and asks no server', async () => {
  const cases: [string[], string][] = [
    [[], 'Usage: greenroom'],
    [['inof'], 'Did you mean info?'],
    [['info'], "missing required argument 'name'"],
    [['info', 'a', 'b'], 'too many arguments'],
    [['models', '--verbose'], "unknown option '--verbose'"],
    [['models', '--token', 't'], "unknown option '--token'"],
    [['models', '--url', 'ftp://x'], 'It must be a URL'],
    [['models', '--url', 'http://user:pass@x'], 'without a user'],
    [['info', 'a', '--version', '0'], 'whole number from 1 to 2147483647'],
    [['info', 'a', '--version', '1e3'], 'whole number'],
    [['register', 'a'], "required option '--source"],
    [['register', 'a', '--source', 's', '--metric', 'rmspe=low'], 'a number, such as rmspe=0.14'],
    [['register', 'a', '--source', 's', '--metric', 'x=Infinity'], 'a number'],
    [['register', 'a', '--source', 's', '--tag', 'team'], 'such as team=forecast'],
    [['register', 'a', '--source', 's', '--tag', 'a=1', '--tag', 'a=2'], '"a" is given twice'],
    [['decline', 'a'], "required option '--reason"],
    [['archive', 'a'], "required option '--version"],
    [['predict', 'a'], "rows are needed: option '--data <file>' or '--row <json>'"],
    [['predict', 'a', '--row', '1'], 'It must be JSON: an object such as'],
    [['predict', 'a', '--row', '{}', '--data', 'a.csv'], 'cannot be used with option'],
    [['predict', 'a', '--row', '{}', '--stage', 'Prod'], 'Production, Archived'],
    [['predict', 'a', '--row', '{}', '--stage', 'Staging', '--alias', 'b'], 'cannot be used with option'],
    [['token'], 'Usage: greenroom token'],
    [['token', 'create', '--name', 'a', '--role', 'king'], 'viewer, registrar, approver, admin'],
    [['token', 'create', '--name', 'a', '--role', 'viewer', '--expires', 'soon'], 'a duration such as'],
  ]
  for (const batch of inBatches(cases, 4))
    await Promise.all(
      batch.map(async ([args, sentence]) => {
        const { code, stdout, stderr } = await runCli(args, {
          cwd,
          env: { GREENROOM_URL: 'http://127.0.0.1:1' },
        })
        expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' })
        expect(stderr).toContain(sentence)
        expect(stderr).not.toContain('No server answers')
      }),
    )
})

test('help and the version of the program are answers, not errors', async () => {
  const help = await runCli(['info', '--help'], { cwd })
  expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('--version <number>') })
  const version = await runCli(['--version'], { cwd })
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
})

test('where no server answers, it says how to start one or where else to look', async () => {
  const env = { GREENROOM_URL: 'http://127.0.0.1:1/' }
  const sentence = 'No server answers at http://127.0.0.1:1; start it with `npm start` or set GREENROOM_URL.'
  expect(await runCli(['models'], { cwd, env })).toEqual({ code: 1, stdout: '', stderr: `${sentence}\n` })
  const { code, stdout } = await runCli(['--json', 'models'], { cwd, env })
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual({ error: { code: 'unreachable', message: sentence } })
})

test('a variable that cannot be used is named, with what it must be', async () => {
  const cases = [
    [{ GREENROOM_URL: 'localhost' }, 'GREENROOM_URL cannot be used. It must be a URL'],
    [{ GREENROOM_TOKEN: 'two words' }, 'GREENROOM_TOKEN holds characters that no token has'],
    [{ GREENROOM_USER: 'jürgen' }, 'GREENROOM_USER must be'],
  ] as const
  for (const [env, sentence] of cases) {
    const { code, stderr } = await runCli(['models'], { cwd, env })
    expect(code).toBe(1)
    expect(stderr).toContain(sentence)
  }
})

test('what is no Greenroom server is told apart, and its answer is not shown', async () => {
  const error = { code: 'not_found', message: 'There is nothing at this path.', requestId: 'r' }
  const nowhere = JSON.stringify({ error })
  const pages: RequestListener[] = [
    (_, response) => response.end('<h1>\u001b[31mhello</h1>'),
    (_, response) => response.writeHead(502).end('{"no":"error"}'),
    (_, response) => response.end('{"models":{}}'),
    (_, response) => response.writeHead(404).end(nowhere),
    (_, response) => response.writeHead(302, { location: '/elsewhere' }).end('{}'),
  ]
  for (const page of pages) {
    const server = await listen(page)
    const { code, stdout, stderr } = await runCli(['models', '--url', urlOf(server)], { cwd })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /^What answers at http.*; set GREENROOM_URL to a Greenroom server of this version\.\n$/,
    )
    expect(stderr).not.toContain('hello')
    server.close()
  }
})

test('it tells the server who calls: the client, the user, and the token of this machine on this machine', async () => {
  const seen: Record<string, string | string[] | undefined>[] = []
  const server = await listen((request, response) => {
    seen.push(request.headers)
    response.setHeader('connection', 'close').end('{"models":[],"next_after":null}')
  })
  const home = join(cwd, 'home')
  await writeHome(home, 'gr_local')
  const env = { GREENROOM_HOME: home, GREENROOM_USER: 'alice' }
  const { code } = await runCli(['models', '--url', urlOf(server)], { cwd, env })
  expect(code).toBe(0)
  expect(seen[0]).toMatchObject({
    authorization: 'Bearer gr_local',
    'x-greenroom-client': 'cli',
    'x-greenroom-user': 'alice',
  })
  await runCli(['models', '--url', urlOf(server)], { cwd, env: { ...env, GREENROOM_TOKEN: 'gr_given' } })
  expect(seen[1]).toMatchObject({ authorization: 'Bearer gr_given' })
  server.close()
})

test('policy check names every fault with its line, and needs no server', async () => {
  const good = join(cwd, 'good.yaml')
  const bad = join(cwd, 'bad.yaml')
  await writeFile(good, 'defaults: { gate: approved }\n')
  await writeFile(bad, 'defaults:\n  gaet: approved\n  approval: { quorum: 0 }\n')
  expect(await runCli(['policy', 'check', good], { cwd })).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /^✔ \S+good\.yaml is a valid policy\.\nServers and workers that run [^\n]+; restart them [^\n]+\.\n$/,
    ),
    stderr: '',
  })
  const faulty = await runCli(['policy', 'check', 'bad.yaml', '--json'], { cwd })
  expect(faulty.code).toBe(1)
  expect(JSON.parse(faulty.stdout)).toEqual({
    file: 'bad.yaml',
    valid: false,
    faults: [expect.stringContaining('bad.yaml:2:3 '), expect.stringContaining('bad.yaml:3:')],
  })
  const named = await runCli(['policy', 'check'], { cwd, env: { GREENROOM_POLICY: bad } })
  expect(named).toMatchObject({ code: 1, stdout: expect.stringContaining(`${bad}:2:3`) })
  const none = await runCli(['policy', 'check'], { cwd })
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no file greenroom.yaml') })
})

test('a command that calls the server loads neither a database driver, nor queues, nor a web server', async () => {
  const recorder = join(cwd, 'recorder.mjs')
  await writeFile(
    recorder,
    `import { registerHooks } from 'node:module'
    registerHooks({ load: (url, context, next) => (console.error('loaded ' + url), next(url, context)) })`,
  )
  const nodeArgs = ['--import', recorder]
  const { stderr } = await runCli(['models', '--url', 'http://127.0.0.1:1'], { cwd, nodeArgs })
  const packages = stderr.matchAll(/^loaded .*\/node_modules\/((?:@[^/]+\/)?[^/]+)/gm)
  const loaded = new Set([...packages].map(([, name]) => name))
  expect([...loaded].sort()).toEqual(['commander', 'zod'])
})

function inBatches<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  )
}

async function writeHome(home: string, token: string): Promise<void> {
  await mkdir(home)
  await writeFile(join(home, 'admin-token'), `${token}\n`)
}

function listen(page: RequestListener): Promise<Server> {
  const server = createServer(page)
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
