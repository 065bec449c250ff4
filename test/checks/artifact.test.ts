import { createHash } from 'node:crypto'
import { rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCheck } from '../../src/checks/check.ts'
import { CheckErroredError } from '../../src/checks/errored.ts'
import { folderWith } from '../runtimes/folder.ts'
import { diabetes, environment, published, subject } from './subjects.ts'

const rule = { kind: 'artifact', timeoutMs: 10_000 } as const
const { digest } = published(diabetes, 1)

test('passes on an artifact that is there, and reports its digest', async () => {
  const bytes = (await stat(join(diabetes, 'good.onnx'))).size
  for (const source of ['good.onnx', join(diabetes, 'good.onnx'), `file://${diabetes}/good.onnx`])
    for (const declared of [null, digest])
      expect(await runCheck(rule, subject(source, { digest: declared }), null, environment())).toEqual({
        verdict: 'passed',
        summary: `${bytes} bytes in 1 file, digest ${digest.slice(0, 19)}…${declared === null ? '' : ' as before'}`,
        measured: { bytes, files: 1 },
        digest,
      })
})

test('fails on another digest than the one declared, naming both', async () => {
  const declared = `sha256:${'0'.repeat(64)}`
  const finding = await runCheck(rule, subject('good.onnx', { digest: declared }), null, environment())
  expect(finding).toMatchObject({ verdict: 'failed', digest })
  expect(finding.summary).toBe(`the artifact has digest ${digest}, but ${declared} was declared`)
})

test.each([
  ['gone.onnx', 'there is no file or folder gone.onnx'],
  ['/etc/passwd', 'the source /etc/passwd is outside the folders that models may be read from'],
  ['..%2f..%2fetc/passwd', 'must not hold ".." as a part of its path'],
  ['file://user@host/good.onnx', 'is not a file: URL of this machine'],
  ['gs://bucket/good.onnx', 'gs: sources cannot be read here; register a path or a file: URL, or take'],
  ['s3://bucket/good.onnx', 'may be read from (GREENROOM_ARTIFACT_URLS); add its place, or take the checks'],
  [
    'models:/m-1',
    'models: sources are looked up at an MLflow tracking server; set MLFLOW_TRACKING_URI to its',
  ],
  ['', 'the source is empty'],
])('fails on the source %j in one sentence', async (source, summary) => {
  const finding = await runCheck(rule, subject(source), null, environment())
  expect(finding).toMatchObject({
    verdict: 'failed',
    digest: null,
    summary: expect.stringContaining(summary),
  })
})

test('fails on a prompt, which has no artifact, and says where to give prompts rules of their own', async () => {
  const tags = { 'mlflow.prompt.is_prompt': 'true', 'mlflow.prompt.text': 'Hi' }
  expect(await runCheck(rule, subject('dummy-source', { tags }), null, environment())).toEqual({
    verdict: 'failed',
    summary:
      'there is no file or folder dummy-source; it is tagged as a prompt, which has no artifact: the policy needs rules ' +
      "of their own for the names of prompts, such as models: { 'prompts-*': { gate: none, validate: [], test: [] } }",
    measured: {},
    digest: null,
  })
  expect(await runCheck(rule, subject('good.onnx', { tags }), null, environment())).toMatchObject({
    verdict: 'passed',
  })
})

test('fails on a link out of the roots', async () => {
  const root = await folderWith({})
  await symlink(join(diabetes, 'good.onnx'), join(root, 'good.onnx'))
  const finding = await runCheck(
    rule,
    subject('good.onnx'),
    null,
    environment(undefined, { artifactRoots: [root] }),
  )
  expect(finding).toMatchObject({
    verdict: 'failed',
    summary: expect.stringContaining('is outside the folders'),
  })
})

test('reports the digest of bytes that were there together when the file is swapped meanwhile', async () => {
  const root = await folderWith({ 'm.onnx': Buffer.alloc(32e6, 1), 'other.onnx': Buffer.alloc(32e6, 2) })
  const digests = [1, 2].map(
    (fill) => `sha256:${createHash('sha256').update(Buffer.alloc(32e6, fill)).digest('hex')}`,
  )
  const checking = runCheck(rule, subject('m.onnx'), null, environment(undefined, { artifactRoots: [root] }))
  await rename(join(root, 'other.onnx'), join(root, 'm.onnx'))
  const finding = await checking
  if (finding.verdict === 'passed') expect(digests).toContain(finding.digest)
  else expect(finding.summary).toBe('m.onnx changed while it was being opened')
})

test('a slow disk is not the fault of the model', async () => {
  const root = await folderWith({})
  await writeFile(join(root, 'm.onnx'), Buffer.alloc(256e6))
  const checking = runCheck(
    { ...rule, timeoutMs: 1 },
    subject('m.onnx'),
    null,
    environment(undefined, { artifactRoots: [root] }),
  )
  await expect(checking).rejects.toThrow(new CheckErroredError('reading m.onnx took longer than 1 ms'))
})

test('a cancelled check ends with the reason of its cancellation', async () => {
  const signal = AbortSignal.abort(new Error('superseded'))
  const checking = runCheck(rule, subject('good.onnx'), null, environment(undefined, { signal }))
  await expect(checking).rejects.toThrow('superseded')
})
