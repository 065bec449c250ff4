import { z } from 'zod'

const largestVersion = 2 ** 31 - 1

/** Text of at most `max` UTF-16 units that every store and every peer can hold: no NUL, no lone surrogate. */
export function text(max: number) {
  return z
    .string()
    .max(max)
    .refine((value) => isStorable(value), 'must not contain NUL or half of a surrogate pair')
}

/** Text as in {@link text} with at least one character that is not a space. */
export function filledText(max: number) {
  return text(max).refine((value) => value.trim() !== '', 'must not be blank')
}

/** Values by names, of which one that is unfit is told with the rule that it breaks. */
export function byName<V extends z.ZodType>(name: ReturnType<typeof filledText>, value: V) {
  return z.record(name, value, {
    error: (issue) =>
      issue.code === 'invalid_key' ? `the name is unfit: ${issue.issues[0]?.message}` : undefined,
  })
}

/** A registered model's name by MLflow's rules: not blank, no `/` and no `:`, nothing that reads as a path. */
export const modelName = filledText(256)
  .refine((name) => !/[/:]/.test(name), 'must not contain "/" or ":"')
  .refine((name) => name !== '.' && !name.startsWith('..'), 'must not be "." or start with ".."')
  .describe('Name of a registered model.')

/** A version number in a JSON body; far from the largest that can be stored, so that there is always a next one. */
export const versionNumber = z.int().min(1).max(1_000_000_000)

/** A version number in a path or a query: decimal digits and nothing else. */
export const versionInUrl = wholeNumberInUrl(1, largestVersion).describe('Number of a model version.')

/** A whole number in a path or a query, written in decimal digits without sign, point or leading zero. */
export function wholeNumberInUrl(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return z.preprocess(
    (value) => (typeof value === 'string' && /^(0|[1-9]\d{0,9})$/.test(value) ? Number(value) : value),
    z.int(error).min(min, error).max(max, error),
  )
}

/** A JSON body that may be left out, which says the same as `{}`. */
export function optionalBody<S extends z.core.$ZodLooseShape>(shape: S) {
  return z.preprocess((body) => body ?? {}, z.strictObject(shape))
}

/** Tells whether a text can be stored and passed on as it is. *Pure.* */
export function isStorable(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed()
}
