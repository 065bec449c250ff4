import { mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Fetch, readThrough } from '../../src/artifacts/cache.ts'
import { canonicalJson, sha256 } from '../../src/canonical-json.ts'

let folder: string
let fetches: number

beforeEach(async () => {
  fetches = 0
  const parent = await mkdtemp(join(tmpdir(), 'greenroom-cache-'))
  onTestFinished(() => rm(parent, { recursive: true, force: true }))
  folder = join(parent, 'artifacts')
})

const digestOfFile = sha256('weights')
const digestOfFolder = sha256(
  canonicalJson([
    ['MLmodel', sha256('a')],
    ['data/w', sha256('b')],
  ]),
)

const bringFile: Fetch = async (into) => {
  fetches += 1
  await writeFile(into, 'weights')
}
const bringFolder: Fetch = async (into) => {
  fetches += 1
  await mkdir(join(into, 'data'), { recursive: true })
  await writeFile(join(into, 'MLmodel'), 'a')
  await sleep(20)
  await writeFile(join(into, 'data/w'), 'b')
}

const read = (digest: string, fetch: Fetch) =>
  readThrough(folder, { source: 's3://b/m', digest, maxBytes: 1_000 }, fetch)
const entryOf = (digest: string) => join(folder, digest.replace(':', '-'))

describe.each([
  ['a file', digestOfFile, bringFile],
  ['a folder', digestOfFolder, bringFolder],
])('%s', (_, digest, bring) => {
  test('is fetched once, and kept under its digest', async () => {
    const contents = async () => {
      const artifact = await read(digest, bring)
      return { digest: artifact.digest, contents: artifact.files.map(({ content }) => content) }
    }
    const first = await contents()
    expect(await contents()).toEqual(first)
    expect(first.digest).toBe(digest)
    expect(fetches).toBe(1)
    expect(await readdir(folder)).toEqual([digest.replace(':', '-')])
  })

  test('that is not what was asked for is neither handed on nor kept (K2)', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`
    await expect(read(wrong, bring)).rejects.toMatchObject({
      name: 'DigestMismatchError',
      recorded: wrong,
      found: digest,
    })
    await expect(read(wrong, bring)).rejects.toThrow('it is not what was validated and is not loaded')
    expect(await readdir(folder)).toEqual([])
  })

  test('that somebody changed in the cache is noticed and fetched anew (K2)', async () => {
    await read(digest, bring)
    const changed = digest === digestOfFile ? entryOf(digest) : join(entryOf(digest), 'data/w')
    await writeFile(changed, 'changed')
    expect((await read(digest, bring)).digest).toBe(digest)
    await read(digest, bring)
    expect(fetches).toBe(2)
  })

  test('whose entry became something that is not read is fetched anew', async () => {
    await mkdir(folder)
    await symlink('/etc', entryOf(digest))
    expect((await read(digest, bring)).digest).toBe(digest)
    await read(digest, bring)
    expect(fetches).toBe(1)
  })

  test('may be asked for by many at once: all get it whole, and nothing else is left (K1, K3)', async () => {
    const wreck = async () => {
      for (let round = 0; round < 20; round += 1) {
        await rename(entryOf(digest), join(folder, `aside-${round}`)).catch(() => {})
        await sleep(2)
      }
    }
    const readers = Array.from({ length: 20 }, async (__, index) => {
      await sleep(index * 2)
      return read(digest, bring)
    })
    const [artifacts] = await Promise.all([Promise.all(readers), wreck()])
    expect(artifacts.map((artifact) => artifact.digest)).toEqual(Array(20).fill(digest))
    const left = (await readdir(folder)).filter((name) => !name.startsWith('aside-'))
    expect(left.filter((name) => name !== digest.replace(':', '-'))).toEqual([])
  })
})

test('a fetch that fails leaves nothing behind', async () => {
  const fail: Fetch = async (into) => {
    await writeFile(into, 'half')
    throw new Error('the network broke')
  }
  await expect(read(digestOfFile, fail)).rejects.toThrow('the network broke')
  expect(await readdir(folder)).toEqual([])
})

test('what a killed process left half done is removed after a day, and not before', async () => {
  await mkdir(join(folder, 'fetching-old'), { recursive: true })
  await mkdir(join(folder, 'fetching-new'))
  const yesterday = new Date(Date.now() - 25 * 3_600_000)
  await utimes(join(folder, 'fetching-old'), yesterday, yesterday)
  await read(digestOfFile, bringFile)
  expect(await readdir(folder)).toEqual(['fetching-new', digestOfFile.replace(':', '-')])
})
