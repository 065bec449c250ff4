// Runs one of the clone's programs with the clone's own Node: node scripts/run.mjs <file> [arguments…]
//
// The program runs in a process group of its own. A Ctrl-C goes to everybody in the terminal's group, and npm then
// passes it on once more; standing apart, the program gets it once, from here. In return it is tied to this process
// by a pipe (leash.mjs), so that it does not live on when this one is killed.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ensureSetup, nodeFault, SetupError } from './ensure-setup.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGWINCH']
// As in the image: keeps V8's nursery, which would grow to 100 MB under load, small.
const NODE_FLAGS = ['--max-semi-space-size=8']
const SAME_SIGNAL_MS = 500 // one Ctrl-C arrives twice within this time, a second press hardly

/** Sets the clone up where needed, runs `file` in it, and ends this process as that one ends. */
export async function run(root, file, args) {
  try {
    endLike(await runToEnd(await ensureSetup(root), root, file, args))
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}

function runToEnd(node, root, file, args) {
  const leash = pathToFileURL(join(HERE, 'leash.mjs')).href
  let child
  const last = {}
  // Before the program starts: a signal that came in between would end this process and, by the leash, the program.
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const now = performance.now()
      if (now - last[signal] < SAME_SIGNAL_MS && signal !== 'SIGWINCH') return
      last[signal] = now
      child.kill(signal)
    })
  }
  child = spawn(node, [...NODE_FLAGS, '--import', leash, file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    detached: process.platform !== 'win32',
    env: {
      ...process.env,
      GREENROOM_LEASH: '3',
      PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].filter(Boolean).join(delimiter),
    },
  })
  return new Promise((done, fail) => {
    child.once('error', (error) => fail(new SetupError(`Cannot run ${node}: ${error.message}`)))
    child.once('exit', (code, signal) => done({ code, signal }))
  })
}

function endLike({ code, signal }) {
  if (signal === null) process.exit(code)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  setTimeout(() => process.exit(128 + constants.signals[signal]), 1000) // for a signal that this process survives
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [file, ...args] = process.argv.slice(2)
  const fault =
    nodeFault(process.versions.node) || (file ? undefined : 'usage: node scripts/run.mjs <file> [arguments…]')
  if (fault) {
    process.stderr.write(`${fault}\n`)
    process.exit(2)
  }
  await run(join(HERE, '..'), join(HERE, '..', file), args)
}
