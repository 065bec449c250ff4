import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
} from '@slack/web-api'
import { expect, test } from 'vitest'
import type { Fault } from '../../src/sandbox/faults.ts'
import { ada, channel, openSandbox } from './setting.ts'

/** Posts once into the fault and once more; what came of the first, and how many messages there are after each. */
async function postInto(fault: Fault) {
  const { sandbox, web } = await openSandbox()
  sandbox.fail({ method: 'chat.postMessage', fault })
  const error: unknown = await web.chat
    .postMessage({ channel, text: 'first' })
    .catch((reason: unknown) => reason)
  const during = sandbox.messages().length
  await web.chat.postMessage({ channel, text: 'second' })
  return { error, during, after: sandbox.messages().length, calls: sandbox.calls() }
}

test('a rate limit names the seconds to wait', async () => {
  const { error, during, after, calls } = await postInto({ kind: 'rateLimited', retryAfterSeconds: 7 })
  expect(error).toBeInstanceOf(WebAPIRateLimitedError)
  expect(error).toMatchObject({ retryAfter: 7 })
  expect([during, after]).toEqual([0, 1])
  expect(calls[0]).toMatchObject({ method: 'chat.postMessage', status: 429, error: 'ratelimited' })
})

test('a rate limit may come without the seconds to wait', async () => {
  const { error, during } = await postInto({ kind: 'rateLimited' })
  expect(error).toBeInstanceOf(Error)
  expect(error).not.toBeInstanceOf(WebAPIRateLimitedError)
  expect(during).toBe(0)
})

test.each([500, 503])('status %i leaves nothing behind', async (status) => {
  const { error, during, after } = await postInto({ kind: 'status', status })
  expect(error).toBeInstanceOf(WebAPIHTTPError)
  expect(error).toMatchObject({ statusCode: status })
  expect([during, after]).toEqual([0, 1])
})

test('a message may be posted although the answer is a 500', async () => {
  const { error, during, after } = await postInto({ kind: 'status', status: 500, applied: true })
  expect(error).toBeInstanceOf(WebAPIHTTPError)
  expect([during, after]).toEqual([1, 2])
})

test.each([false, true])('a hang lasts until the client gives up (applied: %s)', async (applied) => {
  const { error, during } = await postInto({ kind: 'hang', applied })
  expect(error).toBeInstanceOf(WebAPIRequestError)
  expect(during).toBe(applied ? 1 : 0)
})

test.each([false, true])('a reset breaks the connection (applied: %s)', async (applied) => {
  const { error, during } = await postInto({ kind: 'reset', applied })
  expect(error).toBeInstanceOf(WebAPIRequestError)
  expect(during).toBe(applied ? 1 : 0)
})

test('an error code comes as Slack sends one', async () => {
  const { error, during } = await postInto({ kind: 'error', error: 'internal_error' })
  expect(error).toBeInstanceOf(WebAPIPlatformError)
  expect(error).toMatchObject({ data: { ok: false, error: 'internal_error' } })
  expect(during).toBe(0)
})

test('a fault strikes its own method only, for as many calls as planned', async () => {
  const { sandbox, web } = await openSandbox()
  sandbox.fail({ method: 'chat.postMessage', times: 2, fault: { kind: 'error', error: 'internal_error' } })
  sandbox.fail({ method: '*', fault: { kind: 'error', error: 'fatal_error' } })
  await expect(web.users.info({ user: ada })).rejects.toThrow('fatal_error')
  await expect(web.users.info({ user: ada })).resolves.toMatchObject({ ok: true })
  for (const _ of [1, 2]) {
    await expect(web.chat.postMessage({ channel, text: 'x' })).rejects.toThrow('internal_error')
  }
  await expect(web.chat.postMessage({ channel, text: 'x' })).resolves.toMatchObject({ ok: true })
})

test('a sandbox closes at once while a call hangs in it', async () => {
  const { sandbox } = await openSandbox()
  sandbox.fail({ method: 'auth.test', fault: { kind: 'hang' } })
  // Unlike the client, this caller would wait for ever.
  const call = fetch(`${sandbox.url}/api/auth.test`, { method: 'POST' }).catch((error: unknown) => error)
  await expect.poll(() => sandbox.calls().length).toBe(1)
  await sandbox.close()
  expect(await call).toBeInstanceOf(Error)
})
