// One version in full: where it stands, what it is made of, its checks, its approval, and what can be done next.
import type { Approval, Check, Version } from '../client/api.ts'
import {
  pad,
  paint,
  show,
  showDuration,
  showMetrics,
  showStanding,
  showTime,
  showVerdict,
  widthOf,
} from './words.ts'

/** One version as lines for people. */
export function renderVersion(version: Version): string[] {
  const { approval } = version
  return [
    `${paint('bold', `${show(version.name)} version ${version.version}`)}  ${showStanding(version)}`,
    '',
    ...renderFacts(version),
    '',
    paint('bold', 'Checks'),
    ...renderChecks(version.checks),
    ...(approval === null ? [] : ['', paint('bold', 'Approval'), ...renderApproval(approval)]),
    ...hintsFor(version).flatMap((hint, index) => (index === 0 ? ['', hint] : [hint])),
  ]
}

/** What a person can do now about a version that has come to rest; nothing where nothing is to be done. */
export function hintsFor({ name, version, state }: Pick<Version, 'name' | 'version' | 'state'>): string[] {
  const call = (command: string, more = '') => `\`greenroom ${command} ${target(name, version, more)}\``
  switch (state) {
    case 'awaitingApproval':
      return [`Answer with ${call('approve')}`, `or ${call('decline', ' --reason "…"')}.`]
    case 'rejected':
    case 'unfit':
      return [`Register a better version, or try again with ${call('validate')}.`]
    case 'stuck':
      return [`A check could not be made; try again with ${call('validate')}.`]
    case 'ready':
    case 'declined':
    case 'expired':
      return [`Ask for its promotion with ${call('promote')}.`]
    default:
      return []
  }
}

function renderFacts(version: Version): string[] {
  const tags = Object.entries(version.tags).map(([key, value]) => `${show(key)}=${show(value)}`)
  const author = version.author === null ? '' : `${show(version.author)}, `
  const facts: [string, string][] = [
    ['author', `${author}registered by ${show(version.registered_by)} on ${showTime(version.created_at)}`],
    ['source', show(version.source)],
    ['digest', version.digest === null ? paint('dim', 'not known yet') : show(version.digest)],
    ['run', version.run_id === null ? paint('dim', 'none recorded') : show(version.run_id)],
    ['data', version.dataset === null ? paint('dim', 'none recorded') : show(version.dataset)],
    ['metrics', showMetrics(version.metrics, 20) || paint('dim', 'none reported')],
    ['tags', tags.join(', ')],
    ['about', show(version.description ?? '')],
    ['trace', show(version.trace_id)],
  ]
  return facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${paint('dim', name.padEnd(8))} ${value}`)
}

function renderChecks(checks: Check[]): string[] {
  if (checks.length === 0) return [paint('dim', 'none so far')]
  const names = Math.max(...checks.map((check) => widthOf(check.check)))
  return checks.map((check) => {
    const verdict = check.verdict === null ? paint('dim', '· not ended') : showVerdict(check.verdict)
    return `${pad(verdict, 14)}  ${pad(check.check, names)}  ${pad(timeOf(check), 8)}  ${show(check.summary ?? '')}`.trimEnd()
  })
}

function renderApproval(approval: Approval): string[] {
  const { decisions, incumbent_version: incumbent, expires_at: expires, outcome_reason: outcome } = approval
  const approvals = decisions.filter((decision) => decision.answer === 'approve').length
  const effect = approval.archive_existing ? 'replaces' : 'stands beside'
  const until = approval.state === 'pending' && expires !== null ? `, open until ${showTime(expires)}` : ''
  return [
    `${approval.state}: ${approvals} of ${approval.quorum} approvals${until}`,
    ...decisions.map(
      ({ principal, answer, reason, channel, at }) =>
        `  ${show(principal)} ${answer === 'approve' ? 'approved' : 'declined'} on ${showTime(at)} (${show(channel)})${reason === null ? '' : `: ${show(reason)}`}`,
    ),
    ...(outcome === null || decisions.some(({ reason }) => reason === outcome) ? [] : [`  ${show(outcome)}`]),
    `  asks ${approval.approvers === null ? 'whoever is an approver' : approval.approvers.map(show).join(', ')}`,
    ...(incumbent === null ? [] : [`  ${effect} version ${incumbent}`]),
    `  request ${show(approval.id)}`,
  ]
}

function timeOf({ started_at: started, finished_at: finished }: Check): string {
  return started === null || finished === null ? '' : showDuration(Date.parse(finished) - Date.parse(started))
}

/** The arguments that name a version; a name that looks like an option comes last, behind the end of the options. */
function target(name: string, version: number, more: string): string {
  const options = `--version ${version}${more}`
  return name.startsWith('-') ? `${options} -- ${quoted(name)}` : `${quoted(name)} ${options}`
}

/** A name as a shell takes it in one piece. *Pure.* */
function quoted(name: string): string {
  return /^[\w.@%+-]+$/.test(name) ? name : `'${show(name).replaceAll("'", "'\\''")}'`
}
