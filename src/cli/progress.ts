// The checks of a version while they run: redrawn in place on a terminal, else a line for each as it ends.
import type { Check, Validation } from '../client/api.ts'
import { cutTo, pad, paint, show, showDuration, showVerdict, widthOf } from './words.ts'

/** Shows runs of checks, oldest first; `end` leaves them standing. Runs only ever grow. */
export type Progress = { show(runs: Validation[]): void; end(runs: Validation[]): void }

/** Opens a progress on a stream; what it does depends on whether that is a terminal. */
export function openProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? liveProgress(stream) : plainProgress(stream)
}

const titles: Record<Validation['suite'], string> = {
  validate: 'Checks before Staging',
  test: 'Tests in Staging',
  all: 'All checks',
}

function liveProgress(stream: NodeJS.WriteStream): Progress {
  const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
  const since = new Map<string, number>()
  let frame = 0
  let drawn = 0
  const draw = (lines: string[]) => {
    const back = drawn === 0 ? '' : `\u001b[${drawn}A`
    stream.write(`${back}\u001b[0J${lines.map((line) => `${line}\n`).join('')}`)
    drawn = lines.length
  }
  return {
    show: (runs) => {
      for (const { id } of runs) if (!since.has(id)) since.set(id, Date.now())
      const spinner = frames[frame++ % frames.length] ?? ''
      const columns = stream.columns || 80
      const lines = runs.flatMap((run) => {
        const elapsed = showDuration(Date.now() - (since.get(run.id) ?? 0))
        return renderRun(run, stream, { waiting: `${spinner} running`, elapsed, columns })
      })
      // What has left the screen at its top cannot be redrawn.
      draw(lines.slice(-Math.max(1, (stream.rows || 24) - 1)))
    },
    end: (runs) => {
      if (drawn === 0 && runs.length === 0) return
      draw(runs.flatMap((run) => renderRun(run, stream, null)))
      drawn = 0
    },
  }
}

type Running = { waiting: string; elapsed: string; columns: number }

/** One run as lines; `running` is null when it is to be left standing, in full. */
function renderRun(run: Validation, stream: NodeJS.WriteStream, running: Running | null): string[] {
  if (run.checks.length === 0) return []
  const names = Math.max(...run.checks.map((check) => widthOf(check.check)))
  return [
    paint('bold', titles[run.suite], stream),
    ...run.checks.map((check) => {
      const verdict =
        check.verdict === null
          ? paint('cyan', running?.waiting ?? '– not made', stream)
          : showVerdict(check.verdict, stream)
      const time = check.verdict === null ? (running?.elapsed ?? '') : timeOf(check)
      const head = `  ${pad(verdict, 14)}  ${pad(show(check.check), names)}  ${pad(time, 8)}  `
      const summary = show(check.summary ?? '')
      return (head + (running === null ? summary : cutTo(summary, running.columns - widthOf(head)))).trimEnd()
    }),
  ]
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  const told = new Set<string>()
  const tell = (runs: Validation[]) => {
    for (const run of runs)
      for (const [position, check] of run.checks.entries()) {
        const key = `${run.id}/${position}`
        if (check.verdict === null || told.has(key)) continue
        if (!told.has(run.id)) stream.write(`${titles[run.suite]}\n`)
        told.add(run.id).add(key)
        stream.write(
          `  ${check.verdict} ${show(check.check)} (${timeOf(check)}): ${show(check.summary ?? '')}\n`,
        )
      }
  }
  return { show: tell, end: tell }
}

function timeOf({ started_at: started, finished_at: finished }: Check): string {
  return started === null || finished === null ? '' : showDuration(Date.parse(finished) - Date.parse(started))
}
