/** The model itself is at fault: it does not load, does not run, or does not fit the data. The message says how. */
export class UnusableModelError extends Error {
  override name = 'UnusableModelError'
}
