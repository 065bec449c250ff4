import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** An instruction of the Dockerfile with its continued lines joined, such as `{ name: 'USER', text: '1000' }`. */
export type Instruction = { name: string; text: string }

/** The Dockerfile's stages, in order; each starts with its FROM. */
export function imageStages(): Instruction[][] {
  const file = readFileSync(fileURLToPath(new URL('../../Dockerfile', import.meta.url)), 'utf8')
  const lines = file
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
  const stages: Instruction[][] = []
  for (const line of lines) {
    const [, name, text] = /^([A-Z]+) (.+)$/.exec(line) ?? []
    if (name === undefined || text === undefined) continue
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, text })
  }
  return stages
}

/** The environment that the finished image sets. */
export function imageEnvironment(): Record<string, string> {
  const pairs = (imageStages().at(-1) ?? [])
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ text }) => text.split(' ').map((pair) => pair.split('=') as [string, string]))
  return Object.fromEntries(pairs)
}
