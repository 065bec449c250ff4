// The few classes that may be thrown on purpose. Everything expected is a `kind`-tagged value instead;
// these are for operator mistakes, missing things, lost races and bad requests. They are translated in
// three places only: http/errors.ts, the processor wrapper in workers/, and cli/.

/** The operator must change something outside the program; the message says what. */
export class OperatorError extends Error {
  override name = 'OperatorError'
}

/** Something named by the caller does not exist. Becomes a 404. */
export class NotFoundError extends Error {
  override name = 'NotFoundError'
}

/** The caller's input cannot be accepted as it is. Becomes a 400 with `code`. */
export class InvalidInputError extends Error {
  override name = 'InvalidInputError'
  readonly code: string
  constructor(message: string, code = 'invalid_input') {
    super(message)
    this.code = code
  }
}

/** The attempt no longer owns its command: a newer attempt, or a cancellation, has overtaken it (V9). */
export class LostLeaseError extends Error {
  override name = 'LostLeaseError'
}
