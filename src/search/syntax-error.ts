import { InvalidInputError } from '../errors.ts'

/** A search that cannot be read: its filter, order, page token or size. The message is MLflow's where MLflow has one. */
export class SearchSyntaxError extends InvalidInputError {
  override name = 'SearchSyntaxError'
  constructor(message: string) {
    super(message, 'invalid_search')
  }
}
