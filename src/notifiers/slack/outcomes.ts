import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
} from '@slack/web-api'
import type { Delivery } from '../notifier.ts'
import { oneLine } from '../text.ts'

/** Long enough for an operator to act on it, short enough to notice that they did. */
const operatorMs = 60_000

/** What an operator must change, by Slack's error code. */
const advice = new Map([
  ['not_authed', 'set SLACK_BOT_TOKEN'],
  ['invalid_auth', 'SLACK_BOT_TOKEN is not valid; copy it again from the app’s page'],
  ['account_inactive', 'the app was removed from the workspace; install it again'],
  ['token_revoked', 'the token was revoked; install the app again and set SLACK_BOT_TOKEN'],
  ['token_expired', 'the token has expired; set a new SLACK_BOT_TOKEN'],
  ['missing_scope', 'give the app the scopes chat:write and channels:history, then install it again'],
  ['not_allowed_token_type', 'SLACK_BOT_TOKEN must be a bot token (xoxb-…)'],
  ['channel_not_found', 'check SLACK_CHANNEL, and invite the app to the channel'],
  ['not_in_channel', 'invite the app to the channel of SLACK_CHANNEL'],
  ['is_archived', 'the channel of SLACK_CHANNEL is archived; choose another'],
  ['restricted_action', 'a workspace setting keeps the app from posting to SLACK_CHANNEL'],
  ['unknown_method', 'check SLACK_API_URL'],
])

/** What will not get better by trying again: the call itself is at fault, or what it is about is gone. */
const hopeless = new Set([
  'cant_update_message',
  'edit_window_closed',
  'exchanged_trigger_id',
  'expired_trigger_id',
  'invalid_arg_name',
  'invalid_arguments',
  'invalid_blocks',
  'invalid_blocks_format',
  'invalid_metadata_format',
  'invalid_metadata_schema',
  'invalid_trigger_id',
  'message_not_found',
  'metadata_too_large',
  'msg_blocks_too_long',
  'msg_too_long',
  'no_text',
  'user_not_found',
  'user_not_in_channel',
])

/** Slack's own trouble, which passes. */
const passing = new Set(['fatal_error', 'internal_error', 'request_timeout', 'service_unavailable'])

export type Failure = Exclude<Delivery<object>, { kind: 'sent' }>

/** What a failed Web API call means for whoever wanted it. *Pure.* */
export function failureOf(error: unknown): Failure {
  if (error instanceof WebAPIRateLimitedError)
    return retryable('Slack asks to wait (rate limit)', error.retryAfter * 1000)
  if (error instanceof WebAPIPlatformError) return platformFailure(error)
  if (error instanceof WebAPIHTTPError) {
    const isOurs = error.statusCode < 500 && error.statusCode !== 408
    return isOurs
      ? retryable(`Slack answered HTTP ${error.statusCode}; check SLACK_API_URL`, operatorMs)
      : retryable(`Slack answered HTTP ${error.statusCode}`, null)
  }
  if (error instanceof WebAPIRequestError)
    return retryable(`Slack could not be reached: ${oneLine(error.original.message, 200)}`, null)
  return retryable(`the call to Slack failed: ${oneLine(String(error), 200)}`, null)
}

/** Slack's code for why it refused a call, or null when it failed otherwise. *Pure.* */
export function codeOf(error: unknown): string | null {
  return error instanceof WebAPIPlatformError ? error.data.error : null
}

function platformFailure({ data }: WebAPIPlatformError): Failure {
  const code = oneLine(data.error, 80)
  if (code === 'ratelimited' || code === 'rate_limited')
    return retryable('Slack asks to wait (rate limit)', 30_000)
  if (passing.has(code)) return retryable(`Slack answered ${code}`, null)
  if (hopeless.has(code)) {
    const details = (data.response_metadata?.messages ?? []).join('; ')
    return {
      kind: 'fatal',
      why: `Slack refused it: ${code}${details === '' ? '' : ` (${oneLine(details, 300)})`}`,
    }
  }
  const hint = advice.get(code)
  return retryable(`Slack answered ${code}${hint === undefined ? '' : `: ${hint}`}`, operatorMs)
}

function retryable(why: string, afterMs: number | null): Failure {
  return { kind: 'retryable', why, afterMs }
}
