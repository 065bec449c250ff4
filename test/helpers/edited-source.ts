// Preloaded into a child process: the product's own source, with the edits that BROKEN_BUILD holds as JSON. An edit
// that does not fit its file exactly once ends the process, so that no control passes on an unbroken build.
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Edit } from './broken-builds.ts'

const root = new URL('../../src/', import.meta.url).href
const edits = JSON.parse(process.env.BROKEN_BUILD ?? '[]') as Edit[]

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context)
    const fitting = edits.filter((edit) => url === root + edit.file)
    if (fitting.length === 0) return loaded
    return { ...loaded, source: fitting.reduce(applyEdit, String(loaded.source)) }
  },
})

function applyEdit(source: string, { file, from, to }: Edit): string {
  const [before, after, ...more] = source.split(from)
  if (before !== undefined && after !== undefined && more.length === 0) return before + to + after
  const path = fileURLToPath(root + file)
  throw new Error(`the broken build does not fit: ${path} must hold this once, renew the edit: ${from}`)
}
