// A process that runs until it is told to stop.
//
// Invariants:
//   S1. The first signal stops it gracefully, once; the second ends it at once.
//   S2. An error that nobody handled is logged and ends it: what state it left is not known.
//   S3. A stop takes a bounded time, whatever hangs.
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { format } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import type { Parts, Running } from '../main.ts'

type Ending = NodeJS.Signals | 'broken'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
// Beyond the time for which the workers wait for active jobs: HTTP answers, connections, the embedded database.
const graceMs = 40_000
// Has V8 collect when the heap is half again as large as what was alive last time, not up to four times as large: the
// server stays below 200 MB under load. It takes some processor time, so workers are left alone.
const heapGrowth = '--heap-growing-percent=50'

/** Runs parts of the program until a signal. Resolves to the exit code; rejects when they cannot be started. */
export async function runService(parts: Parts): Promise<number> {
  const [{ loadConfig }, { makeLog }, { start }] = await Promise.all([
    import('../config.ts'),
    import('../log.ts'),
    import('../main.ts'),
  ])
  if (parts.serve) setFlagsFromString(heapGrowth)
  const config = loadConfig(process.env, process.cwd())
  const log = makeLog(config.logLevel)
  logWarnings(log)
  const print = process.stdout.isTTY ? (line: string) => console.log(line) : (line: string) => log.info(line)
  const { ending, secondSignal } = listen(log)

  const live = async () => {
    const running = await start(config, parts, { log, print })
    print(greeting(parts, running))
    const how = await ending
    log.info(how === 'broken' ? 'stopping after that error' : `stopping on ${how}`)
    const closed = running.close().then(() => true)
    const inTime = await Promise.race([closed, sleep(config.workers.shutdownMs + graceMs, false)]) // S3
    if (!inTime) log.error('the stop took too long and was cut short')
    return how === 'broken' || !inTime ? 1 : 0
  }
  return Promise.race([live(), secondSignal])
}

/** What libraries have to say stands in the log, once, and not among its lines. */
function logWarnings(log: Logger): void {
  const said = new Set<string>()
  console.warn = (...words: unknown[]) => {
    const text = format(...words)
    if (!said.has(text)) log.warn(text)
    said.add(text)
  }
}

function listen(log: Logger): { ending: Promise<Ending>; secondSignal: Promise<number> } {
  const first = Promise.withResolvers<Ending>()
  const second = Promise.withResolvers<number>()
  let asked = false
  for (const signal of signals)
    process.on(signal, () => {
      if (asked) second.resolve(128 + constants.signals[signal]) // S1
      asked = true
      first.resolve(signal)
    })
  for (const fault of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(fault, (error: unknown) => {
      log.fatal({ err: error }, 'an error that nobody handled') // S2
      first.resolve('broken')
    })
  return { ending: first.promise, secondSignal: second.promise }
}

function greeting({ work }: Parts, { url }: Running): string {
  if (url === null) return 'Greenroom works: its workers take jobs.'
  return `Greenroom listens at ${url}${work ? ', and its workers take jobs' : ''}.`
}
