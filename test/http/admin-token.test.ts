import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ensureAdminToken } from '../../src/http/access.ts'
import { revokeToken } from '../../src/store/tokens.ts'
import { type AppFixture, bearer, openApp } from './app-fixture.ts'

let fixture: AppFixture
let home: string
const deps = { now: () => new Date() }
beforeEach(async () => {
  fixture = await openApp()
  await fixture.tamper('delete from token', [])
  home = await mkdtemp(join(tmpdir(), 'greenroom-admin-'))
})
afterEach(async () => {
  await fixture.close()
  await rm(home, { recursive: true })
})

const ensure = (adminToken: string | null = null, auth: 'tokens' | 'off' = 'tokens') =>
  ensureAdminToken(fixture.deps.db, { adminToken, auth, home: join(home, 'deep', 'er') }, deps)

async function statusWith(token: string): Promise<number> {
  return (await fixture.app.inject({ url: '/api/v1/tokens', headers: bearer(token) })).statusCode
}

test('the first start writes a token that works, readable by its owner only, and later starts leave it', async () => {
  const first = await ensure()
  if (first.kind !== 'written') throw new Error(first.kind)
  expect(first.path).toBe(join(home, 'deep', 'er', 'admin-token'))
  expect((await stat(first.path)).mode & 0o777).toBe(0o600)
  const token = (await readFile(first.path, 'utf8')).trim()
  expect(await statusWith(token)).toBe(200)
  expect(await ensure()).toEqual({ kind: 'present' })
  expect((await readFile(first.path, 'utf8')).trim()).toBe(token)
})

test('a home that cannot be written is told with what to do, and no token is made', async () => {
  await writeFile(join(home, 'deep'), '')
  await expect(ensure()).rejects.toThrow(
    /cannot be written: .+\. Set GREENROOM_HOME to a directory you may write\.$/,
  )
  await rm(join(home, 'deep'))
  expect(await ensure()).toMatchObject({ kind: 'written' })
})

test('a file that is in the way is replaced, with rights of its own', async () => {
  const written = await ensure()
  if (written.kind !== 'written') throw new Error(written.kind)
  await fixture.tamper('delete from token', [])
  await writeFile(written.path, 'old')
  await chmod(written.path, 0o644)
  await ensure()
  expect((await stat(written.path)).mode & 0o777).toBe(0o600)
  expect(await readFile(written.path, 'utf8')).toMatch(/^gr_/)
})

test('when the last admin token is revoked, the next start makes a new one', async () => {
  await ensure()
  const [row] = await fixture.deps.db.selectFrom('token').select('id').execute()
  await revokeToken(fixture.deps.db, row?.id ?? '', new Date())
  expect((await ensure()).kind).toBe('written')
})

test('several processes that start at once make one token', async () => {
  const kinds = (await Promise.all(Array.from({ length: 5 }, () => ensure()))).map((result) => result.kind)
  expect(kinds.sort()).toEqual(['present', 'present', 'present', 'present', 'written'])
})

test('a configured token works whatever its form, and no file is written', async () => {
  const token = 'a long passphrase of the operator, 2026'.replaceAll(' ', '-').replace(',', '')
  expect(await ensure(token)).toEqual({ kind: 'configured' })
  expect(await ensure(token)).toEqual({ kind: 'configured' })
  expect(await statusWith(token)).toBe(200)
  expect(await statusWith(`${token}x`)).toBe(401)
  await expect(stat(join(home, 'deep'))).rejects.toThrow('ENOENT')
})

test('a configured token that was revoked stays so, which the start is told of', async () => {
  const token = 'c3'.repeat(32)
  await ensure(token)
  const [row] = await fixture.deps.db.selectFrom('token').select('id').execute()
  await revokeToken(fixture.deps.db, row?.id ?? '', new Date())
  expect(await ensure(token)).toEqual({ kind: 'revoked' })
  expect(await statusWith(token)).toBe(401)
})

test('a configured token that is new takes the place of the one before, and of no other', async () => {
  const [old, next] = ['d4'.repeat(32), 'e5'.repeat(32)]
  const written = await ensure()
  if (written.kind !== 'written') throw new Error(written.kind)
  await ensure(old)
  expect(await ensure(next)).toEqual({ kind: 'configured' })
  expect(await statusWith(next)).toBe(200)
  expect(await statusWith(old)).toBe(401)
  expect(await statusWith((await readFile(written.path, 'utf8')).trim())).toBe(200)
  // A server that was not told of the new one does not bring the old one back.
  expect(await ensure(old)).toEqual({ kind: 'revoked' })
  expect(await statusWith(next)).toBe(200)
})

test.each(['', 'admin', 'x'.repeat(31), 'x'.repeat(513)])(
  'a configured token of no strength stops the start',
  async (token) => {
    await expect(ensure(token)).rejects.toThrow('openssl rand')
    expect(await fixture.deps.db.selectFrom('token').select('id').execute()).toEqual([])
  },
)

test('without sign-in no token is made', async () => {
  expect(await ensure(null, 'off')).toEqual({ kind: 'notNeeded' })
  expect(await fixture.deps.db.selectFrom('token').select('id').execute()).toEqual([])
})
