import type { Fault } from './faults.ts'
import { foldName } from './people.ts'
import type { Person } from './policy.ts'
import { personName, personSection } from './sections.ts'
import { parsePart } from './shapes.ts'
import type { Path, Source } from './source.ts'

/** The people of a policy file, each name, alias and Slack user id belonging to one of them only; collects faults. */
export function readPeople(source: Source, faults: Fault[]): Person[] {
  const owners = new Map<string, string>()
  const claim = (handle: string, owner: string, path: Path, said: string): void => {
    const holder = owners.get(handle) ?? owner
    owners.set(handle, holder)
    if (holder === owner) return
    const place = path.length === 2 ? source.placeOfKey(path) : source.placeOf(path)
    faults.push({ ...place, message: `${said} belongs to ${holder} already; one person has one entry` })
  }
  return source.keysAt(['people']).flatMap((name) => {
    const path = ['people', name]
    const nameFault = personName.safeParse(name).error?.issues[0]
    if (nameFault !== undefined)
      faults.push({ ...source.placeOfKey(path), message: `the person "${name}" ${nameFault.message}` })
    const written = parsePart(source, path, personSection, faults)
    if (nameFault !== undefined || written === undefined) return []
    const { slack = null, aliases = [] } = written
    claim(foldName(name), name, path, `the name ${name}`)
    if (slack !== null) claim(`slack:${slack}`, name, [...path, 'slack'], `the Slack user ${slack}`)
    for (const [index, alias] of aliases.entries())
      claim(foldName(alias), name, [...path, 'aliases', index], `the alias ${alias}`)
    return [{ name, slack, aliases }]
  })
}
