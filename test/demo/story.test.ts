import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { narrator } from '../../src/demo/narrator.ts'
import { playStory, type Scene } from '../../src/demo/story.ts'
import { OperatorError } from '../../src/errors.ts'
import type { SlackSandbox } from '../../src/sandbox/slack.ts'
import { serveHttp } from '../helpers/http-server.ts'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const version = {
  version: 1,
  file: 'm.onnx',
  digest: 'sha256:0',
  run_id: 'r',
  metrics: {},
  description: '',
  tags: {},
  author: 'carol',
}

/** A scene with one version, at a server that answers its first read with 503, and clicks as told. */
async function makeScene(clicks: number[]): Promise<Scene & { lines: string[] }> {
  let state = 'awaitingApproval'
  let reads = 0
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-story-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'versions.json'), JSON.stringify({ model: 'm', versions: [version] }))
  const server = await serveHttp((request, _, response) => {
    const standing = { version: 1, stage: 'Staging', state }
    const document = request.url?.includes('/history')
      ? { events: [] }
      : { ...standing, versions: [standing] }
    response.statusCode = request.method === 'GET' && reads++ === 0 ? 503 : 200
    response.end(JSON.stringify(document))
  })
  closers.push(() => server.close())
  const sandbox = {
    messages: () => [{ ts: '1', text: 'Approval needed', blocks: [{ type: 'actions' }] }],
    click: async () => {
      const status = clicks.shift() ?? 200
      if (status === 200) state = 'live'
      return { status, ms: 1 }
    },
  }
  const lines: string[] = []
  return {
    url: server.url,
    secret: 'whsec_AAAA',
    folder,
    sandbox: sandbox as unknown as SlackSandbox,
    narrate: narrator(
      (line) => lines.push(line),
      () => new Date(),
      new Date(),
    ),
    interruption: new AbortController().signal,
    lines,
  }
}

test('what the database was too busy for is asked for again: a click, and a look', async () => {
  const scene = await makeScene([503, 503])
  expect(await playStory(scene)).toMatchObject({ models: [{ versions: [{ state: 'live' }] }] })
  const clicks = scene.lines.flatMap((line) => /alice clicks Approve: (\d+)/.exec(line)?.[1] ?? [])
  expect(clicks).toEqual(['503', '503', '200'])
})

test('a click that is refused ends the story with a line that says so', async () => {
  const ended = playStory(await makeScene([401]))
  await expect(ended).rejects.toThrow(OperatorError)
  await expect(ended).rejects.toThrow('The click was answered with 401.')
})
