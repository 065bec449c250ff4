import { styleText } from 'node:util'

/** One row of a model's history as the API gives it. */
export type HistoryRow = {
  seq: number
  version: number
  type: string
  from: { stage: string; state: string } | null
  to: { stage: string; state: string }
  actor: string
  reason: string | null
  at: string
  detail: { checks?: { check: string; verdict: string; summary: string }[] }
}

/** Tells the demo's story, a line per step: clock, seconds since the start, who speaks, and what happened. */
export type Narrator = {
  title(text: string): void
  /** `at` is the moment it began, for steps that take a while. */
  step(who: string, text: string, at?: Date): void
  /** What the history recorded; a finished validation is told check by check. */
  history(row: HistoryRow): void
}

const marks: Record<string, string> = { passed: '✔', failed: '✘', inconclusive: '?', errored: '!' }

/** A narrator that writes lines; `started` is the moment that seconds are counted from. */
export function narrator(write: (line: string) => void, now: () => Date, started: Date): Narrator {
  const line = (at: Date, who: string, text: string) => {
    const clock = at.toISOString().slice(11, 23)
    const seconds = ((at.getTime() - started.getTime()) / 1_000).toFixed(2).padStart(6)
    write(`${styleText('dim', `${clock} ${seconds} s`)}  ${styleText('cyan', who.padEnd(9))} ${text}`)
  }
  return {
    title: (text) => write(`\n${styleText('bold', text)}`),
    step: (who, text, at = now()) => line(at, who, text),
    history: (row) => {
      const at = new Date(row.at)
      for (const { check, verdict, summary } of row.detail.checks ?? [])
        line(at, 'check', `${colour(verdict, `${marks[verdict] ?? '·'} ${check} ${verdict}`)}: ${summary}`)
      line(at, 'lifecycle', describeMove(row))
    },
  }
}

function describeMove(row: HistoryRow): string {
  const to = `${styleText('bold', row.to.stage)} · ${row.to.state}`
  const from = row.from === null ? '' : `${row.from.stage} · ${row.from.state} → `
  // A finished validation's reason repeats its checks, which have just been told.
  const reason = row.reason === null || row.detail.checks !== undefined ? '' : ` (${row.reason})`
  return `version ${row.version}: ${from}${to}  — ${row.type} by ${row.actor}${reason}`
}

function colour(verdict: string, text: string): string {
  if (verdict === 'passed') return styleText('green', text)
  return verdict === 'failed' ? styleText('red', text) : styleText('yellow', text)
}
