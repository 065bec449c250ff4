import type { Notifier, RequestView } from './notifier.ts'
import { cut, spelledOut } from './text.ts'
import {
  askSentence,
  authorWords,
  checkSentence,
  checksSentence,
  decidersWords,
  digestWords,
  figureTable,
  headline,
  outcomeSentence,
  progressSentence,
  reasonSentences,
  tagWords,
} from './wording.ts'

const most = { figures: 20, checks: 20, tags: 10, reasons: 10 }

/**
 * Tells people through the program's own output, line by line, with the commands that answer. Characters that
 * would steer a terminal are spelled out.
 */
export function consoleNotifier(write: (line: string) => void): Notifier {
  const say = (lines: readonly string[]) => {
    for (const line of lines) write(line)
  }
  return {
    name: 'console',
    post: async (request) => {
      say(requestLines(request))
      return { kind: 'sent', message: {} }
    },
    update: async (request) => {
      say(standingLines(request))
      return { kind: 'sent' }
    },
    replyPrivately: async (to, text) => {
      write(`To ${show(to.user, 80)}: ${show(text, 1000)}`)
      return { kind: 'sent' }
    },
  }
}

/** A request in full, as lines of plain text. *Pure.* */
export function requestLines(view: RequestView): string[] {
  const { candidate, checks } = view
  const { description } = candidate
  return [
    headline(view, show),
    askSentence(view, show),
    ...(description === null ? [] : [`  “${show(description, 400)}”`]),
    `  author ${authorWords(candidate, show)}`,
    `  run ${candidate.runId === null ? 'none recorded' : show(candidate.runId, 64)}, digest ${digestWords(candidate, show)}`,
    `  source ${show(candidate.source, 300)}`,
    ...tagWords(candidate, most.tags, show).map((tag) => `  tag ${tag}`),
    ...figureTable(view, most.figures).map((line) => `  ${line}`),
    checksSentence(view),
    ...checks.slice(0, most.checks).map((check) => `  ${checkSentence(check, show)}`),
    ...(checks.length > most.checks ? [`  and ${checks.length - most.checks} more`] : []),
    `Decides: ${decidersWords(view, show)}${view.expiresAt === null ? '' : `; open until ${view.expiresAt.toISOString()}`}`,
    ...standingLines(view).slice(1),
    `Request ${show(view.id, 60)}, trace ${show(view.traceId, 60)}`,
  ]
}

// How a request stands: what to type while it is open, how it ended when it has.
function standingLines(view: RequestView): string[] {
  const reasons = reasonSentences(view, most.reasons, show).map((reason) => `  ${reason}`)
  const outcome = outcomeSentence(view, show)
  if (outcome !== null) return [headline(view, show), outcome, ...reasons]
  const progress = progressSentence(view, show)
  const id = show(view.id, 60)
  return [
    headline(view, show),
    ...(progress === null ? [] : [progress]),
    ...reasons,
    `  greenroom approve ${id}`,
    `  greenroom decline ${id} --reason "…"`,
  ]
}

function show(text: string, max: number): string {
  return cut(spelledOut(text.slice(0, max + 1)), max)
}
