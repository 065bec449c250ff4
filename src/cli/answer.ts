// What approve and decline share: finding the request that is meant, and saying what an answer led to.
import { answerApproval, type Decided, eachVersion, getVersion } from '../client/api.ts'
import type { Connection } from '../client/call.ts'
import { InvalidInputError, NotFoundError } from '../errors.ts'
import type { Result, Screen } from './shell.ts'
import { paint, show } from './words.ts'

/** The request that an answer is for: by its id, or by its model and, where several wait, the version. */
export type Target = { idOrName: string; version: number | undefined }

/** Answers the request that is meant. */
export async function answerTarget(
  to: Connection,
  screen: Screen,
  target: Target,
  answer: 'approve' | 'decline',
  reason: string | undefined,
): Promise<Result> {
  const decided = await answerApproval(to, await findRequest(to, screen, target), answer, reason)
  return { done: true, document: decided, lines: [describeDecision(decided)] }
}

/** What asking or answering led to, in a sentence. */
export function describeDecision(decided: Decided): string {
  const what = `${show(decided.name)} version ${decided.version}`
  const { replaced = [] } = decided
  switch (decided.outcome) {
    case 'promoted':
      return `${paint('green', '✔')} ${what} is in Production${replaced.length === 0 ? '' : `; version ${replaced.join(', ')} is archived`}.`
    case 'moved':
      return `${paint('green', '✔')} ${what} is in Production.`
    case 'counted':
      return `Your approval of ${what} is counted: ${decided.have} of ${decided.need}.`
    case 'declined':
      return `${what} is declined and stays in Staging.`
    case 'already_live':
      return `${what} is in Production already; nothing was changed.`
    case 'testing':
      return `${what} is being tested; people are asked when it passes.`
    case 'asked':
    case 'duplicate':
      return show(decided.why ?? `${what}: ${decided.outcome}`)
  }
}

async function findRequest(to: Connection, screen: Screen, { idOrName, version }: Target): Promise<string> {
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(idOrName)
  if (isId && version === undefined) return idOrName
  const waiting = version ?? (await onlyWaiting(to, idOrName))
  const { approval } = await getVersion(to, idOrName, waiting)
  if (approval === null)
    throw new NotFoundError(
      `Nobody was asked about version ${waiting} of "${idOrName}" yet; \`greenroom promote\` asks.`,
    )
  if (version === undefined) screen.note(`Answering about version ${waiting} of ${show(idOrName)}.`)
  return approval.id
}

async function onlyWaiting(to: Connection, name: string): Promise<number> {
  const waiting: number[] = []
  for await (const { version, state } of eachVersion(to, name))
    if (state === 'awaitingApproval') waiting.push(version)
  const [first, ...others] = waiting
  if (first === undefined)
    throw new NotFoundError(
      `No version of "${name}" waits for approval; \`greenroom approvals\` lists what does.`,
    )
  if (others.length > 0)
    throw new InvalidInputError(
      `Versions ${waiting.join(', ')} of "${name}" wait for approval; say which with --version.`,
      'ambiguous',
    )
  return first
}
