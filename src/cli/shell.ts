// What surrounds every command: the connection it is handed, how its result is shown, and what its errors say.
import type { Command } from 'commander'
import type { Connection } from '../client/call.ts'
import { readSettings } from '../client/settings.ts'
import { explain } from './faults.ts'
import type { CallOptions } from './options.ts'
import { paint, showJson } from './words.ts'

/** What a command leaves behind: whether it was done, the document for machines, the lines for people. */
export type Result = { done: boolean; document: unknown; lines: string[] }

/** Where a command may speak before it is done. */
export type Screen = {
  /** Where progress is shown: never where a JSON document is expected. */
  stream: NodeJS.WriteStream
  /** Says something beside the result. */
  note(line: string): void
}

/** Runs commands, and knows the exit code afterwards. */
export type Shell = {
  /** Runs a command that calls the server. */
  remote(command: Command, act: (to: Connection, screen: Screen) => Promise<Result>): Promise<void>
  /** Runs a command that needs no server. */
  local(command: Command, act: (screen: Screen) => Promise<Result>): Promise<void>
  /** Runs a command that is a process of its own, and knows its exit code. */
  service(command: Command, act: () => Promise<number>): Promise<void>
  exitCode(): number
}

/** Makes a shell for one command line. */
export function makeShell(): Shell {
  let code = 0
  const guarded = async (command: Command, act: (json: boolean) => Promise<number>) => {
    const { json = false } = command.optsWithGlobals<CallOptions>()
    try {
      code = await act(json)
    } catch (error) {
      code = 1
      const fault = explain(error)
      if (json) console.log(showJson({ error: fault }))
      for (const line of fault.message.split('\n')) console.error(line)
    }
  }
  return {
    remote: (command, act) =>
      guarded(command, async (json) => {
        const { url } = command.optsWithGlobals<CallOptions>()
        const settings = await readSettings(process.env, { url }, 'cli')
        return finish(await act(settings, screenFor(json)), json)
      }),
    local: (command, act) => guarded(command, async (json) => finish(await act(screenFor(json)), json)),
    service: (command, act) => guarded(command, () => act()),
    exitCode: () => code,
  }
}

function finish({ done, document, lines }: Result, json: boolean): number {
  if (json) console.log(showJson(document))
  else for (const line of lines) console.log(line)
  return done ? 0 : 1
}

function screenFor(json: boolean): Screen {
  return {
    stream: json ? process.stderr : process.stdout,
    note: (line) => console.error(paint('dim', line, process.stderr)),
  }
}
