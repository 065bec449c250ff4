import { describe, expect, test } from 'vitest'
import { checkSignature } from '../../../src/notifiers/slack/signature.ts'

// The example of https://docs.slack.dev/authentication/verifying-requests-from-slack.
const secret = '8f742231b10e8888abcd99yyyzzz85a5'
const body = Buffer.from(
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
)
const timestamp = '1531420618'
const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'
const at = (offsetSeconds: number) => new Date((Number(timestamp) + offsetSeconds) * 1000)
const check = (headers: object, now = at(0), bytes = body) =>
  checkSignature(secret, bytes, { timestamp, signature, ...headers }, now)

describe('the signature of a request', () => {
  test('is accepted as Slack makes it, up to five minutes either way', () => {
    for (const offset of [0, 299, 300, -300]) expect(check({}, at(offset))).toEqual({ kind: 'genuine' })
  })

  test.each([301, -301, 86_400])('is refused %i seconds off', (offset) => {
    expect(check({}, at(offset))).toMatchObject({ kind: 'refused' })
  })

  test('is refused when one byte of the body is another', () => {
    expect(check({}, at(0), Buffer.concat([body, Buffer.from(' ')]))).toMatchObject({ kind: 'refused' })
  })

  test.each([
    undefined,
    '',
    'v0=',
    signature.slice(0, -1),
    `${signature}0`,
    signature.toUpperCase(),
    signature.replace('v0', 'v1'),
    ` ${signature}`,
    `${signature}, ${signature}`,
    `v0=${'g'.repeat(64)}`,
    'x'.repeat(10_000),
    [signature],
  ])('is refused when it is written like %j', (wrong) => {
    expect(check({ signature: wrong })).toMatchObject({ kind: 'refused' })
  })

  test.each([undefined, '', '-1', '1531420618.0', '0x5b47', ' 1531420618', '9'.repeat(30), ['1531420618']])(
    'is refused when its time is written like %j',
    (wrong) => {
      expect(check({ timestamp: wrong })).toMatchObject({ kind: 'refused' })
    },
  )

  test('is refused for another time than the signed one', () => {
    expect(check({ timestamp: '1531420619' })).toMatchObject({ kind: 'refused' })
  })
})
