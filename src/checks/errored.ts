/** The check could not be made, and that says nothing about the model. It may go better the next time. */
export class CheckErroredError extends Error {
  override name = 'CheckErroredError'
}
