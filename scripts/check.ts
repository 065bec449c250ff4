// `npm run check`: format, lint with the layer rules, types, unused code. Runs all of them and fails if one does.
import { spawnSync } from 'node:child_process'

const checks = [
  ['format and lint', 'biome', 'ci', '--error-on-warnings'],
  ['types', 'tsc', '--noEmit'],
  ['unused code', 'knip'],
] as const

const failed = checks.filter(([name, command, ...args]) => {
  console.log(`— ${name}: ${command} ${args.join(' ')}`)
  return spawnSync(command, args, { stdio: 'inherit' }).status !== 0
})
for (const [name] of failed) console.error(`failed: ${name}`)
process.exitCode = failed.length === 0 ? 0 : 1
