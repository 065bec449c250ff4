// Who is who. A person is known by a canonical name (the key under `people:`), a Slack user id and aliases,
// for example an e-mail address. Names are compared without regard to case, Unicode width and spaces around them,
// so that nobody becomes a second person by spelling (V4, V5). Slack's own ids are upper case; `slack:` and an id
// that somebody wrote by hand are read in any case.
import type { Person, Policy } from './policy.ts'

const slackPrefix = 'slack:'

/** What the functions here need of a policy. */
export type Directory = Pick<Policy, 'people'>

/**
 * The one name of whoever is known as `name`: a canonical name, an alias, or `slack:<user id>`. Of a person whom
 * the policy does not list it is the name in the form in which names are compared. *Pure.*
 */
export function canonicalName(directory: Directory, name: string): string {
  const folded = foldName(name)
  const slackId = slackIdIn(folded)?.toUpperCase()
  if (slackId !== undefined) return personBySlack(directory, slackId)?.name ?? `${slackPrefix}${slackId}`
  const person = directory.people.find((one) => namesOf(one).some((known) => foldName(known) === folded))
  return person?.name ?? folded
}

/** The person behind a Slack user id, or null when the policy lists none. *Pure.* */
export function personBySlack(directory: Directory, slackUserId: string): Person | null {
  return directory.people.find((person) => person.slack === slackUserId) ?? null
}

/** Tells whether two names belong to the same person. *Pure.* */
export function isSamePerson(directory: Directory, a: string, b: string): boolean {
  return canonicalName(directory, a) === canonicalName(directory, b)
}

/** The Slack user id in a name such as `slack:U0ALICE`, or null when the name is of another kind. *Pure.* */
export function slackIdIn(name: string): string | null {
  return foldName(name.slice(0, slackPrefix.length)) === slackPrefix ? name.slice(slackPrefix.length) : null
}

/** The form in which names are compared. *Pure.* */
export function foldName(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase()
}

function namesOf(person: Person): string[] {
  return [person.name, ...person.aliases]
}
