import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, expect, test, vi } from 'vitest'
import { migrations } from '../../src/store/migrations/index.ts'
import { isSigned, startReceiver } from '../helpers/receiver.ts'
import {
  makePlace,
  type Place,
  type RunningCli,
  runCli,
  scorePolicy,
  startCli,
  startServer,
} from './greenroom.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'serve says where it listens, and on %s stops cleanly with 0',
  async (signal) => {
    const { process, url } = await open()
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    process.child.kill(signal)
    const { code, stdout, stderr } = await process.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`stopping on ${signal}`)
    for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level')
    await expect(fetch(url)).rejects.toThrow()
  },
)

test('on a port of its own choice, serve sends people to where it listens', async () => {
  const server = await open(['--with-workers'])
  await server.stage('m', 0.9)
  const { ci } = await server.tokens({ ci: 'registrar' })
  const asked = await fetch(`${server.url}/api/2.0/mlflow/model-versions/transition-stage`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ci.GREENROOM_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'm', version: '1', stage: 'Production', archive_existing_versions: false }),
  })
  expect(await asked.json()).toMatchObject({ message: expect.stringContaining(`at ${server.url}/docs.`) })
})

test('a second signal ends a stop that takes long at once', async () => {
  const { process, url } = await open()
  // A request that never arrives as a whole keeps the server from closing for a while.
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname).on('error', () => {})
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  socket.write('POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{')
  await sleep(200)
  process.child.kill('SIGTERM')
  await process.wrote(/stopping on SIGTERM/)
  await sleep(500)
  expect(process.child.exitCode).toBe(null)
  process.child.kill('SIGTERM')
  expect((await process.ended).code).toBe(143)
  socket.destroy()
})

test('an error that nobody handled is logged, and ends the process with 1', async () => {
  const place = await openPlace()
  const bomb = join(place.cwd, 'bomb.mjs')
  await writeFile(bomb, `process.on('SIGUSR2', () => void Promise.reject(new Error('left unhandled')))`)
  const running = launch(['serve'], { ...place, nodeArgs: ['--import', bomb] })
  await running.wrote(/Greenroom listens/)
  running.child.kill('SIGUSR2')
  const { code, stdout } = await running.ended
  expect(code).toBe(1)
  const fatal = stdout.split('\n').find((line) => line.includes('"fatal"'))
  expect(JSON.parse(fatal ?? '{}')).toMatchObject({
    msg: 'an error that nobody handled',
    err: { message: 'left unhandled' },
  })
})

test('what keeps it from starting is told in plain lines, without a stack, and ends it with 1', async () => {
  const { place, url } = await open()
  const taken = await runCli(['serve'], { ...place, env: { ...place.env, PORT: new URL(url).port } })
  expect(taken.code).toBe(1)
  expect(taken.stderr).toBe(
    `Port ${new URL(url).port} is taken. Stop what uses it, or set PORT to another one.\n`,
  )
  const misset = await runCli(['serve'], { ...place, env: { PORT: 'x', GREENROOM_POLCY: 'y' } })
  expect(misset).toMatchObject({ code: 1, stdout: '' })
  expect(misset.stderr).toMatch(/^GREENROOM_POLCY .*did you mean GREENROOM_POLICY\?\nPORT must be .*\n$/)
  const away = await runCli(['work'], { ...place, env: { DATABASE_URL: 'postgres://127.0.0.1:1/x' } })
  expect(away).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^The database does not answer\. [^\n]+\n$/),
  })
  await writeFile(join(place.cwd, 'greenroom.yaml'), 'defautls: {}\n')
  const policy = await runCli(['work'], place)
  expect(policy).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^\S+greenroom\.yaml:1:1 [^\n]+\n$/),
  })
})

test('validate follows a validation that is already running; work runs it', async () => {
  const { place, json, begin } = await open()
  await json(['register', 'late', '--source', 's', '--metric', 'score=0.9'])
  const following = begin(['validate', 'late', '--json'])
  await sleep(1_500)
  expect(following.child.exitCode).toBe(null)
  const workers = launch(['work'], place)
  await workers.wrote(/its workers take jobs/)
  const { code, stdout, stderr } = await following.ended
  expect(stderr).toContain('Its checks are running already; following them.')
  expect(JSON.parse(stdout)).toMatchObject({ passed: true, stage: 'Staging', state: 'awaitingApproval' })
  expect(code).toBe(0)
  expect(await stop(workers)).toMatchObject({ code: 0, stderr: '' })
})

test('without sign-in the name of the user is who acts', async () => {
  const { json, greenroom } = await open(['--with-workers'], { GREENROOM_AUTH: 'off' })
  await json(['register', 'mine', '--source', 's', '--metric', 'score=0.9', '--wait'], {
    GREENROOM_USER: 'carol',
  })
  expect(await greenroom(['approve', 'mine'], { GREENROOM_USER: 'carol' })).toMatchObject({ code: 1 })
  expect(await json(['approve', 'mine'], { GREENROOM_USER: 'alice' })).toMatchObject({ outcome: 'promoted' })
  const { events } = await json<{ events: object[] }>(['history', 'mine'])
  expect(events.at(0)).toMatchObject({ actor: 'carol', channel: 'cli' })
  expect(events.at(-1)).toMatchObject({ actor: 'alice', channel: 'cli' })
})

test('migrate names what it applied, makes the tables of the queues too, and the second time has nothing to do', async () => {
  const place = await openPlace()
  const sql = new pg.Client({ connectionString: place.env.DATABASE_URL })
  await sql.connect()
  closers.push(() => sql.end())
  await sql.query('drop schema public cascade; create schema public')
  expect(await runCli(['migrate'], place)).toEqual({
    code: 0,
    stdout: `${Object.keys(migrations)
      .map((name) => `Applied ${name}.\n`)
      .join('')}The database is up to date.\n`,
    stderr: '',
  })
  const { rows } = await sql.query("select 1 from pg_tables where schemaname = 'bullmq' limit 1")
  expect(rows).toHaveLength(1)
  expect(await runCli(['migrate', '--json'], place)).toMatchObject({ code: 0, stdout: '{"applied":[]}\n' })
  await sql.query("insert into greenroom_migration (name, timestamp) values ('9999-later', '')")
  expect(await runCli(['migrate'], place)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('The database is newer than this program: it has 9999-later'),
  })
})

test('a server that starts encrypts the secrets of webhooks with the first key, and then needs no other', async () => {
  const receiver = await startReceiver()
  closers.push(() => receiver.close())
  const [oldKey, newKey] = ['0a'.repeat(32), '0b'.repeat(32)]
  const { cwd, env } = await openPlace()
  const serve = async (keys: string) => {
    const development = { WEBHOOK_ALLOWED_SCHEMES: 'https,http', WEBHOOK_ALLOW_PRIVATE_ADDRESSES: 'true' }
    const variables = { ...env, ...development, GREENROOM_AUTH: 'off', GREENROOM_ENCRYPTION_KEY: keys }
    const running = launch(['serve'], { cwd, env: variables })
    const [, url] = await running.wrote(/Greenroom listens at (http:[^\s,"]+\d)/)
    const post = async (path: string, body: object) => {
      const answer = await fetch(`${url}/api/2.0/mlflow/webhooks${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return (await answer.json()) as { webhook: { webhook_id: string }; result: object }
    }
    return { running, post }
  }
  const first = await serve(oldKey)
  const events = [{ entity: 'MODEL_VERSION', action: 'CREATED' }]
  const { webhook } = await first.post('', { name: 'ci', url: receiver.url, secret: 'of ci', events })
  await stop(first.running)
  const second = await serve(`${newKey},${oldKey}`)
  expect(second.running.output()).toContain('"resealed":1')
  await stop(second.running)
  const third = await serve(newKey)
  expect(third.running.output()).not.toContain('resealed')
  const { result } = await third.post(`/${webhook.webhook_id}/test`, { event: events[0] })
  expect(result).toMatchObject({ success: true })
  const [delivery] = receiver.received
  expect(delivery && isSigned(delivery, 'of ci')).toBe(true)
})

test('without DATABASE_URL, serve brings its own database, and takes it along when it stops', async () => {
  const { cwd } = await openPlace()
  const env = { PORT: '0' }
  const first = launch(['serve'], { cwd, env })
  const [, folder = ''] = await first.wrote(/started database in (\S+) \(port/)
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const pidFile = join(folder, 'data/postmaster.pid')
  const [, url = ''] = await first.wrote(/Greenroom listens at (http:[^\s,"]+\d)/)
  expect(existsSync(pidFile)).toBe(true)
  expect(await runCli(['register', 'kept', '--source', 's', '--url', url], { cwd })).toMatchObject({
    code: 0,
  })
  expect(await stop(first)).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(pidFile)).toBe(false)
  const second = launch(['serve'], { cwd, env })
  const [, again = ''] = await second.wrote(/Greenroom listens at (http:[^\s,"]+\d)/)
  const models = await runCli(['models', '--url', again], { cwd })
  expect(models).toMatchObject({ code: 0, stdout: expect.stringContaining('kept') })
  expect(await stop(second)).toMatchObject({ code: 0 })
})

test('its own database is brought back when it dies, and the log says so once', async () => {
  const { cwd } = await openPlace()
  const running = launch(['serve', '--with-workers'], { cwd, env: { PORT: '0' } })
  const [, folder = ''] = await running.wrote(/started database in (\S+) \(port/)
  closers.push(() => rm(folder, { recursive: true, force: true }))
  const [, url = ''] = await running.wrote(/Greenroom listens at (http:[^\s,"]+\d)/)
  const pid = Number((await readFile(join(folder, 'data/postmaster.pid'), 'utf8')).split('\n')[0])
  process.kill(pid, 'SIGQUIT')
  await running.wrote(/the database in \S+ has ended and is started again/)
  await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, { timeout: 30_000, interval: 200 })
  expect(running.output().match(/has ended and is started again/g)).toHaveLength(1)
  expect(await stop(running)).toMatchObject({ code: 0 })
})

async function open(args: string[] = [], env: Record<string, string> = {}) {
  const server = await startServer(scorePolicy, args, env)
  closers.push(() => server.close())
  return server
}

async function openPlace(): Promise<Place> {
  const place = await makePlace(scorePolicy)
  closers.push(() => place.close())
  return place
}

/** Starts a process that no test leaves behind. */
function launch(args: string[], where: Parameters<typeof startCli>[1]): RunningCli {
  const running = startCli(args, where)
  closers.push(() => stop(running))
  return running
}

function stop(running: RunningCli) {
  running.child.kill('SIGTERM')
  return running.ended
}
