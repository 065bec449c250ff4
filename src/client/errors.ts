/** The server refused a call, or could not carry it out. The message is the server's own sentence. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number
  /** Stable, for programs. */
  readonly code: string
  /** Finds the call in the server's log; null where the answer does not tell. */
  readonly requestId: string | null
  constructor(status: number, code: string, message: string, requestId: string | null) {
    super(message)
    this.status = status
    this.code = code
    this.requestId = requestId
  }
}

/** Why no answer came: nobody listens, it took too long, or what answered is not a Greenroom server. */
export type NoAnswer = 'unreachable' | 'timeout' | 'not_greenroom'

/** No answer of a Greenroom server came. Whether the call was carried out is not known. */
export class NoAnswerError extends Error {
  override name = 'NoAnswerError'
  readonly why: NoAnswer
  readonly url: string
  constructor(why: NoAnswer, url: string, detail: string, options?: ErrorOptions) {
    super(`${url}: ${detail}`, options)
    this.why = why
    this.url = url
  }
}
