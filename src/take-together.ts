/**
 * Has what comes for a key while something of that key is under way taken together with all that came in the meantime,
 * `most` at a time, as soon as that has ended. What comes alone is taken at once. `take` gives an answer for each in
 * their order, or the promise of one; when it fails, all that it was given fail.
 */
export function takeTogether<In, Out>(
  take: (key: string, all: In[]) => Promise<(Out | Promise<Out>)[]>,
  most = Number.POSITIVE_INFINITY,
): (key: string, one: In) => Promise<Out> {
  type Waiting = { one: In; answer: PromiseWithResolvers<Out> }
  // By keys of which something is under way.
  const queues = new Map<string, Waiting[]>()
  const run = async (key: string, batch: Waiting[], next: Waiting[]): Promise<void> => {
    try {
      const answers = await take(
        key,
        batch.map(({ one }) => one),
      )
      for (const [index, { answer }] of batch.entries()) answer.resolve(answers[index] as Out | Promise<Out>)
    } catch (error) {
      for (const { answer } of batch) answer.reject(error)
    }
    if (next.length === 0) queues.delete(key)
    else void run(key, next.splice(0, most), next)
  }
  return (key, one) => {
    const answer = Promise.withResolvers<Out>()
    const queue = queues.get(key)
    if (queue !== undefined) queue.push({ one, answer })
    else {
      const next: Waiting[] = []
      queues.set(key, next)
      void run(key, [{ one, answer }], next)
    }
    return answer.promise
  }
}
