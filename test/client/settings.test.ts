import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listModels } from '../../src/client/api.ts'
import { readSettings } from '../../src/client/settings.ts'

let home: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'greenroom-cli-'))
  await writeFile(join(home, 'admin-token'), 'gr_local\n')
})
afterAll(() => rm(home, { recursive: true, force: true }))

test('the token of this machine is shown to a server on this machine only', async () => {
  const env = { GREENROOM_HOME: home }
  for (const url of ['http://127.0.0.1:4100', 'http://localhost:1', 'http://[::1]:4100', 'http://127.9.9.9'])
    expect(await readSettings(env, { url }, null)).toMatchObject({ url, token: 'gr_local' })
  for (const url of ['https://greenroom.example.com', 'http://127.0.0.1.example.com', 'http://10.0.0.1:4100'])
    expect(await readSettings(env, { url }, null)).toMatchObject({ url, token: null })
  const given = { ...env, GREENROOM_TOKEN: 'gr_given' }
  expect(await readSettings(given, { url: 'https://greenroom.example.com' }, null)).toMatchObject({
    token: 'gr_given',
  })
})

test('what is given goes over the environment, which goes over the default', async () => {
  expect(await readSettings({}, {}, null)).toMatchObject({ url: 'http://127.0.0.1:4100' })
  const env = { GREENROOM_URL: ' https://here/base/ ' }
  expect(await readSettings(env, {}, null)).toMatchObject({ url: 'https://here/base' })
  expect(await readSettings(env, { url: 'http://there' }, null)).toMatchObject({ url: 'http://there' })
})

test('a server that does not answer in time is given up on, and that is no sign that nothing was done', async () => {
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connection = { ...(await readSettings({}, { url }, null)), timeoutMs: 100 }
  await expect(listModels(connection)).rejects.toMatchObject({ name: 'NoAnswerError', why: 'timeout', url })
  server.closeAllConnections()
  server.close()
})
