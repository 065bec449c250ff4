// Which version a command means when none is named.
import { getModel, type Model } from '../client/api.ts'
import type { Connection } from '../client/call.ts'
import { NotFoundError } from '../errors.ts'
import type { Screen } from './shell.ts'
import { show } from './words.ts'

type Summary = Model['versions'][number]

const pageSize = 1_000

/** The version that was named, else the newest one; says so when it had to choose. Throws NotFoundError. */
export async function pickNewest(
  to: Connection,
  screen: Screen,
  name: string,
  given: number | undefined,
): Promise<number> {
  if (given !== undefined) return given
  const { versions } = await getModel(to, name, { limit: 1 })
  const newest = versions[0]?.version
  if (newest === undefined) throw new NotFoundError(`"${name}" has no versions yet.`)
  screen.note(`Taking version ${newest} of ${show(name)}, the newest.`)
  return newest
}

/** The version that was named, else the newest one in Staging; says so when it had to choose. Throws NotFoundError. */
export async function pickStaged(
  to: Connection,
  screen: Screen,
  name: string,
  given: number | undefined,
): Promise<number> {
  if (given !== undefined) return given
  for await (const { version, stage } of eachVersion(to, name)) {
    if (stage !== 'Staging') continue
    screen.note(`Taking version ${version} of ${show(name)}, the newest in Staging.`)
    return version
  }
  throw new NotFoundError(
    `"${name}" has no version in Staging; \`greenroom info ${name}\` shows where its versions are.`,
  )
}

/** Every version of a model, newest first. */
export async function* eachVersion(to: Connection, name: string): AsyncGenerator<Summary> {
  for (let before: number | undefined; ; ) {
    const page = { limit: pageSize, ...(before !== undefined && { before }) }
    const { versions, next_before } = await getModel(to, name, page)
    yield* versions
    if (next_before === null) return
    before = next_before
  }
}
