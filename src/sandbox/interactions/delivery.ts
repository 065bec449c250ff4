import { OperatorError } from '../../errors.ts'
import { remember, type Workspace } from '../workspace.ts'
import { signRequest } from './signature.ts'

/** The bytes of one request to the app; sending them again is a replay. */
export type RawRequest = { headers: Record<string, string>; body: string }

/**
 * What came back. `ok` means 2xx within Slack's three seconds; `status` is 0 and `body` empty where nothing
 * came back at all.
 */
export type Delivered = { status: number; body: string; ms: number; ok: boolean; raw: RawRequest }

/** Where and with which secret interactions are sent. */
export type Line = {
  url: string | null
  signingSecret: string
  /** Milliseconds of a clock that only measures, for latency. */
  elapsed: () => number
}

/** What a person did, for the record. */
export type Doing = { type: string; user: string; target: string }

const ackMs = 3000
/** Past Slack's three seconds the sandbox listens on, so that a late answer is measured and not guessed. */
const giveUpMs = 10_000

/** The request that Slack sends for an interaction: a form with one field, signed. *Pure.* */
export function buildRequest(
  payload: Record<string, unknown>,
  signingSecret: string,
  atMs: number,
): RawRequest {
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString()
  return {
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'Slackbot 1.0 (sandbox)',
      ...signRequest(signingSecret, body, atMs),
    },
    body,
  }
}

/**
 * Sends an interaction to the app and records how it was answered.
 * @throws OperatorError when no interactivity URL is set.
 */
export async function deliver(
  workspace: Workspace,
  line: Line,
  raw: RawRequest,
  doing: Doing,
): Promise<Delivered> {
  if (line.url === null) {
    throw new OperatorError('The Slack sandbox does not know the app: call setInteractivityUrl() first.')
  }
  const startedAt = line.elapsed()
  const { status, body, fault } = await post(line.url, raw)
  const ms = line.elapsed() - startedAt
  const problem =
    fault ?? (status < 200 || status > 299 ? `answered ${status}` : ms > ackMs ? 'answered too late' : null)
  remember(workspace, workspace.interactions, {
    ...doing,
    at: workspace.now(),
    status,
    ms,
    ok: problem === null,
    problem,
  })
  return { status, body, ms, ok: problem === null, raw }
}

async function post(
  url: string,
  raw: RawRequest,
): Promise<{ status: number; body: string; fault: string | null }> {
  const stop = AbortSignal.timeout(giveUpMs)
  try {
    const init = {
      method: 'POST',
      headers: raw.headers,
      body: raw.body,
      redirect: 'manual',
      signal: stop,
    } as const
    const response = await fetch(url, init)
    return { status: response.status, body: await response.text(), fault: null }
  } catch {
    return { status: 0, body: '', fault: stop.aborted ? 'did not answer' : 'could not be reached' }
  }
}
