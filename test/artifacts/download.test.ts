import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { download } from '../../src/artifacts/download.ts'
import type { RemoteArtifact } from '../../src/artifacts/remote.ts'
import { UnreadableSourceError } from '../../src/runtimes/source.ts'
import { patient } from './fetched.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greenroom-download-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
})

async function* chunksOf(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

/** A folder as a place would hand it out. */
function folderOf(files: [path: string, content: string][]): RemoteArtifact {
  const listed = async function* () {
    for (const [path, content] of files) yield { path, read: async () => chunksOf(content) }
  }
  return { kind: 'folder', files: listed() }
}

const into = () => join(folder, 'artifact')
const fetch = (artifact: RemoteArtifact, limits: { maxBytes?: number; maxFiles?: number } = {}) =>
  download(artifact, into(), { maxBytes: 1_000, signal: patient(), ...limits })

test('a folder is written as it is, one file after the other', async () => {
  await fetch(
    folderOf([
      ['MLmodel', 'a'],
      ['data/model.onnx', 'b'],
      ['data/deep/w..bin', 'c'],
    ]),
  )
  const names = (await readdir(into(), { recursive: true })).sort()
  expect(names).toEqual(['MLmodel', 'data', 'data/deep', 'data/deep/w..bin', 'data/model.onnx'])
  expect(await readFile(join(into(), 'data/deep/w..bin'), 'utf8')).toBe('c')
})

test.each(['../x', 'a/../../x', '/etc/passwd', 'a//b', './a', 'a/.', '..', '', 'a\\..\\x', 'a\0b', 'a\nb'])(
  'a file named %j is refused, and nothing is written outside (R17, D1)',
  async (path) => {
    await expect(
      fetch(
        folderOf([
          ['fine', 'x'],
          [path, 'evil'],
        ]),
      ),
    ).rejects.toThrow('the artifact has a file named')
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(['artifact', 'artifact/fine'])
  },
)

test.each([
  ['path', 'a'.repeat(2_000)],
  ["file's name", `${'a'.repeat(300)}`],
  ["folder's name", `${'a'.repeat(300)}/b`],
])('a %s that is longer than any system takes is the fault of the artifact', async (_, path) => {
  const failure = fetch(folderOf([[path, 'x']]))
  await expect(failure).rejects.toBeInstanceOf(UnreadableSourceError)
  await expect(failure).rejects.toThrow('the artifact has a file named')
})

test.each<[string, [string, string][]]>([
  [
    'two files of one name',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  [
    'a file that is a folder too',
    [
      ['a', '1'],
      ['a/b', '2'],
    ],
  ],
  [
    'a folder that is a file too',
    [
      ['a/b', '1'],
      ['a', '2'],
    ],
  ],
])('%s are refused: no file is written twice (D3)', async (_, files) => {
  await expect(fetch(folderOf(files))).rejects.toThrow('more than once')
})

test('no more files and no more bytes are written than allowed (R17, D2)', async () => {
  const many = folderOf(Array.from({ length: 1e6 }, (_, index) => [`f${index}`, '']))
  await expect(fetch(many, { maxFiles: 20 })).rejects.toThrow('the artifact has more than 20 files')
  expect(await readdir(into())).toHaveLength(20)
  await rm(into(), { recursive: true })
  const large = folderOf([
    ['a', 'x'.repeat(600)],
    ['b', 'x'.repeat(600)],
  ])
  await expect(fetch(large)).rejects.toThrow('the artifact is larger than what is read from here')
})

test('a disk that fails is not the fault of the artifact', async () => {
  const place = join(folder, 'missing', 'artifact')
  const failure = download(folderOf([['a', 'x']]), place, { maxBytes: 1_000, signal: patient() })
  await expect(failure).rejects.toMatchObject({ code: 'ENOENT' })
})
