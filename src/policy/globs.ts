// Globs over model names. A name comes from whoever may register a model, and a glob made into a regular
// expression can be slow on a name made for it: five stars took seconds on 256 characters. This is linear in
// glob times name, whatever the name.

/** Tells whether a glob names a model: `*` stands for any run of characters, `?` for one. *Pure.* */
export function matchesGlob(glob: string, name: string): boolean {
  return matches(glob, name, () => true)
}

/** Tells whether every name that a glob names is named by another one above it; may miss some that are. *Pure.* */
export function coversGlob(above: string, glob: string): boolean {
  // The stars of the lower one are any run of characters, which only a star of the upper one takes.
  return matches(above, glob, (character) => character !== '*')
}

/** `isOne` tells what a `?` stands for. */
function matches(glob: string, name: string, isOne: (character: string) => boolean): boolean {
  let inGlob = 0
  let inName = 0
  let star: { glob: number; name: number } | null = null
  while (inName < name.length) {
    if (glob[inGlob] === '*') {
      star = { glob: inGlob, name: inName }
      inGlob += 1
    } else if (inGlob < glob.length && takes(glob[inGlob], name[inName] ?? '', isOne)) {
      inGlob += 1
      inName += 1
    } else if (star === null) {
      return false
    } else {
      // The last star takes one character more, and the rest is tried again.
      star.name += 1
      inGlob = star.glob + 1
      inName = star.name
    }
  }
  while (glob[inGlob] === '*') inGlob += 1
  return inGlob === glob.length
}

function takes(sign: string | undefined, character: string, isOne: (one: string) => boolean): boolean {
  return sign === '?' ? isOne(character) : sign === character
}

/** What is wrong with a glob, or null when it can be used. *Pure.* */
export function faultInGlob(glob: string): string | null {
  if (glob === '') return 'must name a model; write * for all'
  if (glob !== glob.trim()) return 'must not begin or end with a space'
  const foreign = /[/:]/.exec(glob)?.[0]
  if (foreign !== undefined)
    return `uses "${foreign}", which no model has in its name, so it would never match`
  const unsupported = /[{}[\]!\\]/.exec(glob)?.[0]
  if (unsupported === undefined) return null
  return `uses "${unsupported}", which has no meaning here; * stands for any run of characters, ? for one, and each kind of model has its own key`
}
