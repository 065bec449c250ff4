import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePlace, type Place, runCli } from './greenroom.ts'

let place: Place
let databaseUrl: string
const rightless = `rightless_${process.pid}`

beforeAll(async () => {
  place = await makePlace('defaults: {}\n')
  databaseUrl = place.env.DATABASE_URL ?? ''
  await writeFile(join(place.cwd, 'file'), '')
  await onDatabase(
    'drop schema public cascade; create schema public; create table event (id int)',
    `create role ${rightless} login password 'rightless'`,
    `grant usage on schema public to ${rightless}`,
  )
})
afterAll(async () => {
  await onDatabase(`drop owned by ${rightless}`, `drop role ${rightless}`)
  await place.close()
})

async function onDatabase(...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

function changed(change: (url: URL) => void): string {
  const url = new URL(databaseUrl)
  change(url)
  return url.href
}

const faults: [string, () => Record<string, string>, RegExp][] = [
  [
    'a wrong password',
    () => ({ DATABASE_URL: changed((url) => Object.assign(url, { password: 'wrong' })) }),
    /^The database refuses the login: password authentication failed .+ Correct the user and the password in DATABASE_URL\.$/,
  ],
  [
    'a database that is not there',
    () => ({ DATABASE_URL: changed((url) => Object.assign(url, { pathname: '/nowhere' })) }),
    /^The database server answers, but database "nowhere" does not exist\. Create it, or correct DATABASE_URL\.$/,
  ],
  [
    'a server without TLS',
    () => ({ DATABASE_URL: changed((url) => url.searchParams.set('sslmode', 'verify-full')) }),
    /^The database server does not speak TLS\. Turn it on there, or take sslmode out of DATABASE_URL\.$/,
  ],
  [
    'a user without rights',
    () => ({
      DATABASE_URL: changed((url) => Object.assign(url, { username: rightless, password: 'rightless' })),
    }),
    /^The database could not be migrated; nothing was changed: permission denied for schema public\. Give the user .+\.$/,
  ],
  [
    "a database of another program's",
    () => ({ DATABASE_URL: databaseUrl }),
    /^The database could not be migrated; nothing was changed: relation "event" already exists\. Point DATABASE_URL .+\.$/,
  ],
  [
    'a home that is a file',
    () => ({ DATABASE_URL: '', GREENROOM_HOME: 'file' }),
    /^Cannot keep a database in \S+: .+\. Set GREENROOM_HOME to a directory you may write, or set DATABASE_URL .+\.$/,
  ],
  [
    'a home below a file',
    () => ({ DATABASE_URL: '', GREENROOM_HOME: 'file/home' }),
    /^Cannot keep a database in \S+: .+\. Set GREENROOM_HOME to a directory you may write, or set DATABASE_URL .+\.$/,
  ],
]

test.each(faults)('%s is told in one line that says what to do', async (_, env, line) => {
  const { code, stdout, stderr } = await runCli(['migrate'], { ...place, env: { ...place.env, ...env() } })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr.trimEnd()).toMatch(line)
})

test.each([
  ['198.51.100.1', /^198\.51\.100\.1 is no address of this machine; set HOST to .+\.$/],
  [
    'nosuch.invalid',
    /^(There is no host nosuch\.invalid|The host nosuch\.invalid cannot be looked up now); set HOST to .+\.$/,
  ],
])('the address %s is told in one line that says what to do', async (HOST, line) => {
  const { code, stderr } = await runCli(['serve'], { ...place, env: { ...place.env, HOST } })
  expect(code).toBe(1)
  expect(stderr.trimEnd()).toMatch(line)
})

test('LOG_LEVEL=debug shows all that a refusal of the database said', async () => {
  const { code, stderr } = await runCli(['migrate'], {
    ...place,
    env: { ...place.env, LOG_LEVEL: 'debug' },
  })
  expect(code).toBe(1)
  expect(stderr).toContain("code: '42P07'")
})
