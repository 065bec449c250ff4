// Which version a command means when none is named.
import { findInStage, getModel } from '../client/api.ts'
import type { Connection } from '../client/call.ts'
import { NotFoundError } from '../errors.ts'
import type { Stage } from '../machines/stages.ts'
import type { Screen } from './shell.ts'
import { show } from './words.ts'

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
  return pickInStage(to, screen, name, 'Staging')
}

/** The newest version in a stage, which it names. Throws NotFoundError. */
export async function pickInStage(
  to: Connection,
  screen: Screen,
  name: string,
  stage: Stage,
): Promise<number> {
  const version = await findInStage(to, name, stage)
  if (version === null)
    throw new NotFoundError(
      `"${name}" has no version in ${stage}; \`greenroom info ${name}\` shows where its versions are.`,
    )
  screen.note(`Taking version ${version} of ${show(name)}, the newest in ${stage}.`)
  return version
}
