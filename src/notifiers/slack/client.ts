import { type Logger, type LogLevel, WebClient } from '@slack/web-api'
import { type Failure, failureOf } from './outcomes.ts'

/** Where warnings of the Slack client go. */
export type SlackLog = { warn(message: string): void; error(message: string): void }

/** How to reach Slack's Web API. */
export type SlackAccess = {
  botToken: string
  /** Another Web API than Slack's own, such as the sandbox's; null for Slack's. */
  apiUrl: string | null
  log: SlackLog
}

/**
 * A client that tries each call once, for at most `timeout` milliseconds. Trying again belongs to the ledger:
 * the client's own retries post a message twice when only the answer was lost.
 */
export function openClient({ botToken, apiUrl, log }: SlackAccess, timeout: number): WebClient {
  return new WebClient(botToken, {
    ...(apiUrl === null ? {} : { slackApiUrl: apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/` }),
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout,
    allowAbsoluteUrls: false,
    logger: asLogger(log),
  })
}

/** Runs calls to Slack; what they throw becomes a failure. *Never rejects.* */
export async function attempt<T>(call: () => Promise<T>): Promise<T | Failure> {
  try {
    return await call()
  } catch (error) {
    return failureOf(error)
  }
}

function asLogger(log: SlackLog): Logger {
  const say =
    (level: 'warn' | 'error') =>
    (...parts: unknown[]) =>
      log[level](`slack: ${parts.join(' ')}`)
  return {
    // These carry whole requests and answers.
    debug: () => {},
    info: () => {},
    warn: say('warn'),
    error: say('error'),
    setLevel: () => {},
    setName: () => {},
    getLevel: () => 'warn' as LogLevel,
  }
}
