import { createHmac } from 'node:crypto'

/**
 * The headers with which Slack signs a request: `v0=` and the HMAC-SHA256 of `v0:<seconds>:<body>`
 * (https://docs.slack.dev/authentication/verifying-requests-from-slack). *Pure.*
 */
export function signRequest(secret: string, body: string, atMs: number): Record<string, string> {
  const seconds = String(Math.floor(atMs / 1000))
  const digest = createHmac('sha256', secret).update(`v0:${seconds}:${body}`).digest('hex')
  return { 'x-slack-request-timestamp': seconds, 'x-slack-signature': `v0=${digest}` }
}
