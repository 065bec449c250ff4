/** Pieces of Block Kit of a wanted length, and the refusal they meet. */
export const plain = (length: number) => ({ type: 'plain_text', text: 'x'.repeat(length) })
export const marked = (length: number) => ({ type: 'mrkdwn', text: 'x'.repeat(length) })
export const times = (count: number, make: (n: number) => unknown) =>
  Array.from({ length: count }, (_, n) => make(n))

/** What Slack's answer holds when it refuses. */
export type Refusal = { error: string; errors: string[]; response_metadata: { messages: string[] } }

/** The answer with which a call was refused; throws when it was not. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof Error && 'data' in error) return error.data as Refusal
  throw new Error('the call was not refused')
}
