import { hintFor } from '../spelling.ts'
import type { Fault } from './faults.ts'
import { canonicalName, slackIdIn } from './people.ts'
import type { ApprovalRules, Person } from './policy.ts'
import type { WrittenRules } from './sections.ts'
import type { Path, Source } from './source.ts'

/**
 * The faults in the approval rules of the section at `path` that show only beside the people and the rules
 * below: `whole` is the section laid over those. *Pure.*
 */
export function faultsInApproval(
  source: Source,
  path: Path,
  written: NonNullable<WrittenRules['approval']>,
  whole: ApprovalRules,
  people: Person[],
): Fault[] {
  const names = written.approvers ?? []
  const faults = names.flatMap((name, index): Fault[] => {
    const message = faultInApprover(name, names.slice(0, index), people)
    return message === null ? [] : [{ ...source.placeOf([...path, 'approvers', index]), message }]
  })
  const count = new Set(whole.approvers).size
  const setsEither = written.quorum !== undefined || written.approvers !== undefined
  if (setsEither && whole.approvers !== null && whole.quorum > count) {
    const place = source.placeOf([...path, written.quorum === undefined ? 'approvers' : 'quorum'])
    const listed = count === 1 ? '1 approver is' : `${count} approvers are`
    faults.push({
      ...place,
      message: `quorum is ${whole.quorum}, but ${listed} listed: it could never be reached`,
    })
  }
  return faults
}

function faultInApprover(name: string, before: string[], people: Person[]): string | null {
  const canonical = canonicalName({ people }, name)
  const twin = before.find((other) => canonicalName({ people }, other) === canonical)
  if (twin !== undefined)
    return twin === name
      ? `the approver "${name}" is listed twice`
      : `the approvers "${twin}" and "${name}" are the same person, ${canonical}; list one of them`
  // Without people in the file a name is taken as it is; with them, a stranger is most likely a misspelling.
  const isStranger =
    people.length > 0 && slackIdIn(name) === null && !people.some((p) => p.name === canonical)
  if (!isStranger) return null
  const known = people.flatMap((person) => [person.name, ...person.aliases])
  return `the approver "${name}" is not listed under people; add them there${hintFor(name, known)}`
}
