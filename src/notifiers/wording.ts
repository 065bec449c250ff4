// The sentences in which people are told of a request; the same in every channel. Whatever others wrote passes
// through the channel's own `show`, so that no channel can forget to make it harmless.
import { z } from 'zod'
import { describeChange, type Figure, formatNumber, judge, pairMetrics, tabulate } from './figures.ts'
import type { CheckView, RequestView, VersionView } from './notifier.ts'
import { nameList } from './text.ts'

/** Makes text that others wrote fit to be shown, in at most `max` characters. */
export type Show = (text: string, max: number) => string

const mostNames = 8
const nameChars = 60

/** What the message is about: `Approval needed: forecast, version 2`. *Pure.* */
export function headline(view: RequestView, show: Show): string {
  const titles: Record<RequestView['state'], string> = {
    pending: 'Approval needed',
    approved: '✓ Approved',
    declined: '✗ Declined',
    expired: '– Expired',
    withdrawn: '– Withdrawn',
    stale: '– Out of date',
  }
  return `${titles[view.state]}: ${show(view.model, 100)}, version ${view.candidate.version}`
}

/** What is asked, in one sentence. *Pure.* */
export function askSentence(view: RequestView, show: Show): string {
  const { candidate, incumbent, archiveExisting, model } = view
  const asked = `Promote version ${candidate.version} of ${show(model, 256)} to Production`
  if (incumbent === null) return `${asked}, where no version is yet.`
  return archiveExisting
    ? `${asked}, replacing version ${incumbent.version}.`
    : `${asked}, beside version ${incumbent.version}, which stays there.`
}

/** How many of the checks passed. *Pure.* */
export function checksSentence({ checks }: RequestView): string {
  const passed = checks.filter((check) => check.verdict === 'passed').length
  if (checks.length === 0) return '⚠ The policy asks for no checks.'
  const noun = checks.length === 1 ? 'check' : 'checks'
  if (passed === checks.length) return `✓ ${passed === 1 ? 'The only' : `All ${passed}`} ${noun} passed.`
  return `⚠ ${passed} of ${checks.length} ${noun} passed.`
}

/** The one comparison that says most: measured on hold-out data rather than reported. Null without any. *Pure.* */
export function figureSentence(view: RequestView, show: Show): string | null {
  const [measured] = holdOutFigures(view.checks)
  const reported = reportedFigures(view).find(
    (figure) => figure.incumbent !== null && figure.direction !== null,
  )
  const figure = measured ?? reported
  if (figure === undefined || figure.incumbent === null) return null
  const { metric, candidate, incumbent } = figure
  const apart = candidate - incumbent
  const difference = apart === 0 ? 'equal' : `${describeChange(figure)} ${judge(figure)}`.trim()
  const where = measured === undefined ? '' : ' on the same hold-out data'
  const pair = `${formatNumber(candidate, apart)} against ${formatNumber(incumbent, apart)}`
  return `${show(metric, 40)} ${pair}${where}: ${difference}.`
}

const comparison = z.object({
  metric: z.string(),
  candidate: z.number(),
  incumbent: z.number(),
  /** How much better the candidate is; negative when it is worse. */
  change: z.number(),
})

/** What the incumbent checks measured of both versions on the same data. *Pure.* */
export function holdOutFigures(checks: readonly CheckView[]): Figure[] {
  return checks
    .filter((check) => check.kind === 'incumbent')
    .flatMap((check) => {
      const read = comparison.safeParse(check.measured)
      if (!read.success) return []
      const { metric, candidate, incumbent, change } = read.data
      const direction = candidate < incumbent === change > 0 ? 'lower' : 'higher'
      return [{ metric, candidate, incumbent, direction }]
    })
}

/** The metrics that came with the registrations, side by side. *Pure.* */
export function reportedFigures({ candidate, incumbent }: RequestView): Figure[] {
  return pairMetrics(candidate.metrics, incumbent?.metrics ?? null)
}

/** All figures as a table, at most `most` of each kind; what was measured here stands before what was said. *Pure.* */
export function figureTable(view: RequestView, most: number): string[] {
  const { candidate, incumbent } = view
  const groups = [
    { title: 'measured here on the same hold-out data', figures: holdOutFigures(view.checks) },
    { title: 'reported when registered', figures: reportedFigures(view) },
  ]
  const headings = {
    candidate: `version ${candidate.version}`,
    incumbent: `version ${incumbent?.version ?? '–'}`,
  }
  return tabulate(groups, headings, most)
}

/** One check: its verdict as a mark and a word, and why. *Pure.* */
export function checkSentence({ kind, verdict, summary }: CheckView, show: Show): string {
  const marks = { passed: '✓', failed: '✗', inconclusive: '?', errored: '⚠' }
  const mark = verdict === null ? '…' : marks[verdict]
  const word = verdict === 'passed' ? '' : ` (${verdict ?? 'no verdict yet'})`
  return `${mark} ${show(kind, 30)}${word}${summary === null ? '' : `: ${show(summary, 160)}`}`
}

/** Who made the version, or what it means that nobody knows. *Pure.* */
export function authorWords({ author }: VersionView, show: Show): string {
  return author === null ? '⚠ unknown: self-approval cannot be ruled out' : show(author, 80)
}

/** A digest short enough to compare by eye: `sha256:ab12cd34ef56…`. *Pure.* */
export function digestWords({ digest }: VersionView, show: Show): string {
  if (digest === null) return 'none recorded'
  const short = /^(sha256:)?([0-9a-f]{12})[0-9a-f]+$/.exec(digest)
  return short === null ? show(digest, 40) : `${short[1] ?? ''}${short[2]}…`
}

/** The tags that tell where a version comes from; those about data first, the rest by name. *Pure.* */
export function tagWords({ tags }: VersionView, most: number, show: Show): string[] {
  const isAboutData = (key: string) => /data|git|commit/i.test(key)
  const sorted = Object.keys(tags).toSorted()
  const keys = [...sorted.filter(isAboutData), ...sorted.filter((key) => !isAboutData(key))]
  const shown = keys.slice(0, most).map((key) => `${show(key, 40)} = ${show(tags[key] || '–', 80)}`)
  return keys.length > most ? [...shown, `and ${keys.length - most} more`] : shown
}

/** Who may decide, and how many must agree. *Pure.* */
export function decidersWords({ approvers, quorum }: RequestView, show: Show): string {
  if (approvers === null)
    return quorum === 1 ? 'anybody with the role approver' : `${quorum} people with the role approver`
  const names = approvers.map((name) => show(name, nameChars))
  return quorum === 1 ? nameList(names, mostNames, 'or') : `${quorum} of ${nameList(names, mostNames)}`
}

/** The approvals that have been counted while more are needed; null when there are none yet. *Pure.* */
export function progressSentence(view: RequestView, show: Show): string | null {
  const given = view.decisions.filter((decision) => decision.answer === 'approve')
  if (view.state !== 'pending' || given.length === 0) return null
  const names = nameList(
    given.map((one) => show(one.principal, nameChars)),
    mostNames,
  )
  return `${given.length} of ${view.quorum} approvals given, by ${names}.`
}

/** How a request ended, by whom and why; null while it is pending. *Pure.* */
export function outcomeSentence(view: RequestView, show: Show): string | null {
  const { state, candidate, incumbent } = view
  const by = (answer: 'approve' | 'decline') =>
    nameList(
      view.decisions.filter((one) => one.answer === answer).map((one) => show(one.principal, nameChars)),
      mostNames,
    )
  const why = view.outcomeReason === null ? '' : `: ${show(view.outcomeReason, 300)}`
  switch (state) {
    case 'pending':
      return null
    case 'approved': {
      const replaced = incumbent?.stage === 'Archived' ? `; version ${incumbent.version} was archived` : ''
      return `Approved by ${by('approve')}. Version ${candidate.version} went to Production${replaced}.`
    }
    case 'declined':
      return `Declined by ${by('decline')}. Version ${candidate.version} stays in Staging.`
    case 'expired':
      return `Expired${why}. Version ${candidate.version} stays in Staging.`
    case 'withdrawn':
      return `Withdrawn${why}.`
    case 'stale':
      return `Out of date${why}. Nothing was promoted by this request.`
  }
}

/** What people said with their answers, in the order they came: `anna: looks good`. *Pure.* */
export function reasonSentences({ decisions }: RequestView, most: number, show: Show): string[] {
  const given = decisions.flatMap(({ principal, reason }) =>
    reason === null || reason.trim() === '' ? [] : [`${show(principal, nameChars)}: “${show(reason, 160)}”`],
  )
  return given.length > most ? [...given.slice(0, most), `and ${given.length - most} more`] : given
}
