// An approval request as a Slack message: what is asked, the figures to decide by, where the version comes from,
// and the two buttons while it is open. Whatever others wrote stands in plain text or rich text only (R29).
import type {
  ActionsBlock,
  KnownBlock,
  PlainTextElement,
  RichTextBlockElement,
  RichTextElement,
} from '@slack/web-api'
import type { RequestView } from '../notifier.ts'
import { lines, oneLine } from '../text.ts'
import {
  askSentence,
  authorWords,
  checkSentence,
  checksSentence,
  decidersWords,
  digestWords,
  figureSentence,
  figureTable,
  headline,
  outcomeSentence,
  progressSentence,
  reasonSentences,
  tagWords,
} from '../wording.ts'
import { inertMrkdwn, inertPlain } from './fallback.ts'
import { bold, literal, moment, paragraph, paragraphOf, quote, richText, table } from './rich-text.ts'

/** The buttons' action ids; their value is the request's id. */
export const actionIds = { approve: 'greenroom.approve', decline: 'greenroom.decline' } as const

const most = { figures: 10, checks: 10, tags: 6, reasons: 6 }

/**
 * The message for a request as it stands: with buttons while it is pending, without once it has ended. Within
 * Slack's limits whatever the view holds. *Pure.*
 */
export function requestMessage(view: RequestView, publicUrl: string): { text: string; blocks: KnownBlock[] } {
  const isOpen = view.state === 'pending'
  const ids = `Request ${oneLine(view.id, 60)}, trace ${oneLine(view.traceId, 60)}`
  const blocks: KnownBlock[] = [
    { type: 'header', text: plain(headline(view, oneLine), 150) },
    isOpen ? askBlock(view) : outcomeBlock(view),
    ...figureBlocks(view),
    ...checkBlocks(view),
    originBlock(view, publicUrl),
    ...(isOpen ? [decideBlock(view), buttons(view)] : []),
    { type: 'context', elements: [plain(ids, 200)] },
  ]
  return { text: fallbackOf(view), blocks }
}

function fallbackOf(view: RequestView): string {
  const parts = [headline(view, oneLine), outcomeSentence(view, oneLine) ?? figureSentence(view, oneLine)]
  return inertMrkdwn(parts.filter((part) => part !== null).join('. '), 500)
}

function askBlock(view: RequestView): KnownBlock {
  const figure = figureSentence(view, oneLine)
  const rows = [[bold(askSentence(view, oneLine))], [literal(checksSentence(view))]]
  if (figure !== null) rows.push([literal(figure)])
  const { description } = view.candidate
  const isSaid = description !== null && description.trim() !== ''
  return richText(paragraphOf(rows), ...(isSaid ? [quote(lines(description, 300))] : []))
}

function outcomeBlock(view: RequestView): KnownBlock {
  const outcome = bold(outcomeSentence(view, oneLine) ?? '')
  const when = view.closedAt === null ? [] : [literal(' '), moment(view.closedAt)]
  const asked = literal(`Asked: ${askSentence(view, oneLine)}`)
  return richText(paragraph(outcome, ...when), ...reasonsOf(view), paragraph(asked))
}

function reasonsOf(view: RequestView): RichTextBlockElement[] {
  const reasons = reasonSentences(view, most.reasons, oneLine)
  return reasons.length > 0 ? [quote(reasons.join('\n'))] : []
}

function figureBlocks(view: RequestView): KnownBlock[] {
  const rows = figureTable(view, most.figures)
  return rows.length > 0 ? [richText(table(rows))] : []
}

function checkBlocks({ checks }: RequestView): KnownBlock[] {
  if (checks.length === 0) return []
  const items = checks.slice(0, most.checks).map((check) => checkSentence(check, oneLine))
  if (checks.length > most.checks) items.push(`and ${checks.length - most.checks} more`)
  return [richText(paragraphOf([[bold('Checks')], ...items.map((item) => [literal(item)])]))]
}

function originBlock(view: RequestView, publicUrl: string): KnownBlock {
  const { candidate } = view
  const rows: RichTextElement[][] = [
    [bold('Author '), literal(authorWords(candidate, oneLine))],
    [
      bold('Run '),
      literal(candidate.runId === null ? 'none recorded' : oneLine(candidate.runId, 64)),
      bold('   Digest '),
      literal(digestWords(candidate, oneLine)),
    ],
    [bold('Source '), literal(oneLine(candidate.source, 160))],
  ]
  const tags = tagWords(candidate, most.tags, oneLine)
  if (tags.length > 0) rows.push([bold('Tags '), literal(tags.join('   '))])
  rows.push([{ type: 'link', url: publicUrl, text: 'Open Greenroom' }])
  return richText(paragraphOf(rows))
}

function decideBlock(view: RequestView): KnownBlock {
  const rows: RichTextElement[][] = [[bold('Decides '), literal(decidersWords(view, oneLine))]]
  const progress = progressSentence(view, oneLine)
  if (progress !== null) rows.push([bold(progress)])
  if (view.expiresAt !== null) rows.push([bold('Open until '), moment(view.expiresAt)])
  return richText(paragraphOf(rows), ...reasonsOf(view))
}

function buttons({ id, model, candidate, incumbent, archiveExisting, quorum }: RequestView): ActionsBlock {
  const archived =
    incumbent !== null && archiveExisting ? ` and version ${incumbent.version} is archived` : ''
  const then = `version ${candidate.version} of ${oneLine(model, 100)} goes to Production${archived}`
  const text = quorum > 1 ? `With ${quorum} approvals ${then}.` : `At once ${then}.`
  return {
    type: 'actions',
    elements: [
      {
        type: 'button',
        action_id: actionIds.approve,
        value: id,
        style: 'primary',
        text: plain('Approve', 30),
        confirm: {
          title: plain(`Promote version ${candidate.version}?`, 100),
          text: plain(text, 300),
          confirm: plain('Approve', 30),
          deny: plain('Not yet', 30),
        },
      },
      {
        type: 'button',
        action_id: actionIds.decline,
        value: id,
        style: 'danger',
        text: plain('Decline…', 75),
      },
    ],
  }
}

function plain(text: string, max: number): PlainTextElement {
  return { type: 'plain_text', text: inertPlain(text, max), emoji: false }
}
