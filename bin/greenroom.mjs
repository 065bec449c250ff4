#!/usr/bin/env node
// The `greenroom` command. A clone runs its sources, an installed package its built code. When this Node will do and
// everything is there, the command runs in this very process; else run.mjs sets up and starts the right Node.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'src', 'cli', 'main.ts')
const isClone = existsSync(source)
const entry = isClone ? source : join(root, 'dist', 'cli', 'main.js')
const isNew = Number.parseInt(process.versions.node, 10) >= 24

if (isNew && (!isClone || (await import('../scripts/ensure-setup.mjs')).isSetUp(root))) {
  process.argv[1] = entry
  await import(pathToFileURL(entry).href)
} else if (isClone) {
  const { nodeFault } = await import('../scripts/ensure-setup.mjs')
  const fault = nodeFault(process.versions.node)
  if (fault === undefined) {
    const { run } = await import('../scripts/run.mjs')
    await run(root, entry, process.argv.slice(2))
  } else {
    process.stderr.write(`${fault}\n`)
    process.exitCode = 2
  }
} else {
  process.stderr.write(`Greenroom needs Node 24 or newer; this is Node ${process.versions.node}.\n`)
  process.exitCode = 2
}
