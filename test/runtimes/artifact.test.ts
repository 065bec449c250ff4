import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { readArtifact } from '../../src/runtimes/artifact.ts'
import { UnreadableSourceError } from '../../src/runtimes/source.ts'
import { folderWith } from './folder.ts'

const limits = { maxBytes: 1024 ** 3, keepContent: true }

describe('a file', () => {
  test('is read whole, and its digest is that of its bytes', async () => {
    const root = await folderWith({ 'a b.onnx': 'weights' })
    const expected = {
      kind: 'file',
      digest: digestOf('weights'),
      bytes: 7,
      files: [{ path: 'a b.onnx', digest: digestOf('weights'), content: Buffer.from('weights') }],
    }
    const path = join(root, 'a b.onnx')
    for (const source of ['a b.onnx', './a b.onnx', path, pathToFileURL(path).href])
      expect(await readArtifact(source, [root], limits)).toEqual(expected)
  })

  test('relative to no root but the second is found there', async () => {
    const [first, second] = [await folderWith({}), await folderWith({ 'm.onnx': 'x' })]
    expect((await readArtifact('m.onnx', [first, second], limits)).digest).toBe(digestOf('x'))
  })

  test('may be empty', async () => {
    const root = await folderWith({ 'm.onnx': '' })
    expect((await readArtifact('m.onnx', [root], limits)).digest).toBe(digestOf(''))
  })

  test('that is missing is named as it was given', async () => {
    const root = await folderWith({ 'm.onnx': '' })
    for (const source of ['gone.onnx', 'm.onnx/gone', join(root, 'gone.onnx')])
      await expect(readArtifact(source, [root], limits)).rejects.toThrow(
        `there is no file or folder ${source}`,
      )
  })

  test('beyond the limit is not read', async () => {
    const root = await folderWith({ 'm.onnx': 'x'.repeat(11) })
    await expect(readArtifact('m.onnx', [root], { ...limits, maxBytes: 10 })).rejects.toThrow(
      'm.onnx is too large',
    )
    await expect(readArtifact('m.onnx', [root], { ...limits, maxBytes: 11 })).resolves.toBeDefined()
  })

  test('that is a named pipe is refused at once', async () => {
    const root = await folderWith({})
    execFileSync('mkfifo', [join(root, 'pipe.onnx')])
    await expect(readArtifact('pipe.onnx', [root], limits)).rejects.toThrow('pipe.onnx is not a regular file')
  })

  test('that may not be read says so', async () => {
    const root = await folderWith({ 'm.onnx': '' })
    await chmod(join(root, 'm.onnx'), 0)
    // The superuser may read everything, so for a moment this process is nobody.
    const isSuperuser = process.geteuid?.() === 0
    if (isSuperuser) process.seteuid?.(65534)
    const seen = await readArtifact(join(root, 'm.onnx'), [root], limits).catch((error) => error)
    if (isSuperuser) process.seteuid?.(0)
    expect(seen).toBeInstanceOf(UnreadableSourceError)
    expect(seen.message).toContain('cannot be read: permission denied')
  })
})

describe('what lies outside the roots is never read (F1)', () => {
  test('by its path, whether it exists or not', async () => {
    const root = await folderWith({})
    const other = await folderWith({ 'secret.onnx': 's' })
    for (const source of [
      join(other, 'secret.onnx'),
      join(other, 'gone.onnx'),
      '/etc/passwd',
      `file://${other}/x`,
      `${root}x`,
    ])
      await expect(readArtifact(source, [root], limits)).rejects.toThrow('is outside the folders')
  })

  test('through a symbolic link to a file or on the way to it', async () => {
    const root = await folderWith({})
    const other = await folderWith({ 'secret.onnx': 's' })
    await symlink(join(other, 'secret.onnx'), join(root, 'link.onnx'))
    await symlink(other, join(root, 'folder'))
    for (const source of ['link.onnx', 'folder/secret.onnx', 'folder', join(root, 'link.onnx')])
      await expect(readArtifact(source, [root], limits)).rejects.toThrow('is outside the folders')
  })

  test('through a link in a folder', async () => {
    const root = await folderWith({ 'model/model.onnx': 'm' })
    await symlink('/etc/passwd', join(root, 'model/weights.bin'))
    await expect(readArtifact('model', [root], limits)).rejects.toThrow(
      'model/weights.bin is a symbolic link',
    )
  })

  test('when there is no root at all', async () => {
    const root = await folderWith({ 'm.onnx': '' })
    await expect(readArtifact(join(root, 'm.onnx'), [], limits)).rejects.toThrow(UnreadableSourceError)
    await expect(readArtifact('m.onnx', [join(root, 'gone')], limits)).rejects.toThrow(UnreadableSourceError)
  })

  test('but a link from root to root, and a root that is itself a link, are fine', async () => {
    const root = await folderWith({ 'v1/m.onnx': 'one' })
    const alias = join(await folderWith({}), 'alias')
    await symlink(root, alias)
    await symlink('v1', join(root, 'latest'))
    expect((await readArtifact(join(alias, 'latest/m.onnx'), [alias], limits)).digest).toBe(digestOf('one'))
    await expect(readArtifact('latest/gone', [alias], limits)).rejects.toThrow('there is no file')
  })

  test('while a folder on the way is being swapped for a link to elsewhere', async () => {
    const root = await folderWith({ 'real/m.onnx': 'good' })
    const other = await folderWith({ 'm.onnx': 'evil' })
    await symlink(other, join(root, 'evil'))
    const swapper = new Worker(join(import.meta.dirname, 'swapper.ts'), { workerData: root })
    await once(swapper, 'online')
    const seen = { good: 0, refused: 0 }
    while (seen.good < 1000 || seen.refused < 1000) {
      const reading = Array.from({ length: 50 }, () => readArtifact('real/m.onnx', [root], limits))
      for (const read of await Promise.allSettled(reading)) {
        if (read.status === 'fulfilled') expect(read.value.digest).toBe(digestOf('good'))
        else expect(read.reason).toBeInstanceOf(UnreadableSourceError)
        seen[read.status === 'fulfilled' ? 'good' : 'refused'] += 1
      }
    }
    await swapper.terminate()
  })
})

describe('the bytes that are hashed are the bytes that are handed on (F3)', () => {
  const size = 64 * 1024 ** 2

  test('when another file takes the name while it is read', async () => {
    const root = await folderWith({ 'm.onnx': Buffer.alloc(size, 1), 'other.onnx': Buffer.alloc(size, 2) })
    const reading = readArtifact('m.onnx', [root], limits)
    await waitUntilReading(join(root, 'm.onnx'))
    await rename(join(root, 'other.onnx'), join(root, 'm.onnx'))
    const { digest, files } = await reading
    expect(digest).toBe(digestOf(Buffer.alloc(size, 1)))
    expect(digestOf(files[0]?.content ?? '')).toBe(digest)
  })

  test('when its bytes are written over while it is read', async () => {
    const root = await folderWith({ 'm.onnx': Buffer.alloc(size, 1) })
    const reading = readArtifact('m.onnx', [root], limits)
    const file = await open(join(root, 'm.onnx'), 'r+')
    for (let at = 0; at < size; at += 8 * 1024 ** 2) await file.write(Buffer.alloc(1024, 2), 0, 1024, at)
    await file.close()
    const { digest, files } = await reading
    expect(digestOf(files[0]?.content ?? '')).toBe(digest)
  })

  test('when it is cut short or grows while it is read, it is refused', async () => {
    for (const bytes of [size / 2, size * 2]) {
      const root = await folderWith({ 'm.onnx': Buffer.alloc(size, 1) })
      const reading = readArtifact('m.onnx', [root], limits)
      const refused = expect(reading).rejects.toThrow('m.onnx changed while it was being read')
      await waitUntilReading(join(root, 'm.onnx'))
      await truncate(join(root, 'm.onnx'), bytes)
      await refused
    }
  })
})

describe('a folder', () => {
  test('has one digest over the names and contents of all of its files, whatever its own name', async () => {
    const files = { 'model.onnx': 'm', 'data/weights.bin': 'w', MLmodel: 'x' }
    const [one, same] = [await folderWith(files), await folderWith(files)]
    const artifact = await readArtifact(one, [one], limits)
    expect(artifact.files.map((file) => file.path)).toEqual(['MLmodel', 'data/weights.bin', 'model.onnx'])
    const listing = ['MLmodel', 'data/weights.bin', 'model.onnx'].map((path, i) => [
      path,
      digestOf('xwm'.charAt(i)),
    ])
    expect(artifact.digest).toBe(digestOf(JSON.stringify(listing)))
    expect((await readArtifact(same, [same], { ...limits, keepContent: false })).digest).toBe(artifact.digest)
    for (const changed of [
      { ...files, MLmodel: 'y' },
      { ...files, extra: '' },
      { 'model.onnx': 'm', MLmodel: 'x' },
    ]) {
      const other = await folderWith(changed)
      expect((await readArtifact(other, [other], limits)).digest).not.toBe(artifact.digest)
    }
  })

  test('counts all of its files towards the limit', async () => {
    const root = await folderWith({ 'm/a': '12345', 'm/b': '12345' })
    await expect(readArtifact('m', [root], { ...limits, maxBytes: 9 })).rejects.toThrow('m/b is too large')
  })

  test('without a file is refused', async () => {
    const root = await folderWith({})
    await mkdir(join(root, 'm/empty'), { recursive: true })
    await expect(readArtifact('m', [root], limits)).rejects.toThrow('the folder m is empty')
  })
})

test('reading ends with the reason of its signal', async () => {
  const root = await folderWith({ 'm.onnx': 'x' })
  await writeFile(join(root, 'm.onnx'), Buffer.alloc(64 * 1024 ** 2))
  const cancelling = new AbortController()
  const reading = readArtifact('m.onnx', [root], { ...limits, signal: cancelling.signal })
  cancelling.abort(new Error('superseded'))
  await expect(reading).rejects.toThrow('superseded')
})

function digestOf(content: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

/** Resolves once this process has read a part of the file. */
async function waitUntilReading(path: string): Promise<void> {
  for (;;) {
    for (const fd of await readdir('/proc/self/fd')) {
      const isFile = (await readlink(`/proc/self/fd/${fd}`).catch(() => '')) === path
      const info = isFile ? await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '') : ''
      if (/^pos:\s*[1-9]/.test(info)) return
    }
  }
}

test('looking for files ends with the reason of its signal, however many folders hold none', async () => {
  const root = await folderWith({ 'm/z/MLmodel': 'flavors: {}' })
  for (let index = 0; index < 200; index += 1) await mkdir(join(root, 'm', `empty-${index}`))
  let looks = 0
  const signal = new AbortController().signal
  signal.throwIfAborted = () => {
    looks += 1
    if (looks > 100) throw new Error('superseded')
  }
  await expect(readArtifact('m', [root], { ...limits, signal })).rejects.toThrow('superseded')
  expect(looks).toBe(101)
})
