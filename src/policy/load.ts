import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { OperatorError } from '../errors.ts'
import { faultsInApproval } from './approvers.ts'
import { readPeople } from './directory.ts'
import { type Fault, faultsError } from './faults.ts'
import { coversGlob, faultInGlob, matchesGlob } from './globs.ts'
import type { Person, Policy, Rules } from './policy.ts'
import { builtInRules, overlayRules, sealRules } from './rules.ts'
import { rulesSection, topSection } from './sections.ts'
import { parsePart } from './shapes.ts'
import { maxPolicyBytes, type Path, parseSource, type Source } from './source.ts'

/** The policy in a file, or the built-in one where there is no file. Throws OperatorError naming every fault. */
export function readPolicy(path: string | null): Policy {
  if (path === null) return loadPolicy('', 'built-in policy', '/')
  return loadPolicy(readText(path), path, dirname(path))
}

/**
 * Turns a policy file's text into its rules. `file` is what faults call it; relative data paths start from
 * `baseDir`. Throws one OperatorError with a line `file:line:column fault` for every fault. *Pure.*
 */
export function loadPolicy(text: string, file: string, baseDir: string): Policy {
  const source = parseSource(text)
  if ('faults' in source) throw faultsError(file, source.faults)
  const faults: Fault[] = []
  parsePart(source, [], topSection, faults)
  const peopleFaults: Fault[] = []
  const listed = readPeople(source, peopleFaults)
  faults.push(...peopleFaults)
  // A list of people that is itself at fault is no measure for the names of approvers.
  const people = peopleFaults.length === 0 ? listed : []
  const { defaults, models } = readRules(source, people, faults)
  if (faults.length > 0) throw faultsError(file, faults)

  const sealedDefaults = sealRules(defaults, baseDir)
  const sealed = models.map(({ glob, rules }) => ({ glob, policy: sealRules(rules, baseDir) }))
  return {
    people,
    rulesFor: (model) => sealed.find(({ glob }) => matchesGlob(glob, model))?.policy ?? sealedDefaults,
  }
}

type GlobRules = { glob: string; rules: Rules }

function readRules(
  source: Source,
  people: Person[],
  faults: Fault[],
): { defaults: Rules; models: GlobRules[] } {
  const hasDefaults = source.keysAt([]).includes('defaults')
  const defaults = hasDefaults
    ? readSection(source, ['defaults'], builtInRules, people, faults)
    : builtInRules
  // The keys come from the file, not from an object: an object puts keys such as "2024" first.
  const models = source.keysAt(['models']).flatMap((glob, index, globs) => {
    const path = ['models', glob]
    const globFault = faultInGlob(glob) ?? faultInOrder(glob, globs.slice(0, index))
    if (globFault !== null)
      faults.push({ ...source.placeOfKey(path), message: `the glob "${glob}" ${globFault}` })
    const rules = readSection(source, path, defaults ?? builtInRules, people, faults)
    return rules === undefined ? [] : [{ glob, rules }]
  })
  return { defaults: defaults ?? builtInRules, models }
}

/** Rules that nobody reaches would look as if they held. */
function faultInOrder(glob: string, above: string[]): string | null {
  const cover = above.find((one) => coversGlob(one, glob))
  if (cover === undefined) return null
  return `is never reached, because "${cover}" above it names all that it does; move it up`
}

function readSection(
  source: Source,
  path: Path,
  base: Rules,
  people: Person[],
  faults: Fault[],
): Rules | undefined {
  const written = parsePart(source, path, rulesSection, faults)
  if (written === undefined) return undefined
  const rules = overlayRules(base, written, people)
  if (written.approval !== undefined)
    faults.push(...faultsInApproval(source, [...path, 'approval'], written.approval, rules.approval, people))
  return rules
}

function readText(path: string): string {
  try {
    if (statSync(path).size <= maxPolicyBytes)
      return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8 text' : (error as Error).message
    throw new OperatorError(`${path}: the policy file cannot be read: ${reason}`)
  }
  throw new OperatorError(`${path}:1:1 the file is larger than ${maxPolicyBytes / 1024} kB`)
}
