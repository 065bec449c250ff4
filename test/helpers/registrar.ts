import { createHmac, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

/** How one attempt at a delivery was answered; status 0 where no answer came. */
export type Answer = { status: number; body: unknown; retryAfter: number | null; ms: number }

/** One registration as its sender knows it. Whoever has seen no 2xx knows nothing of what became of it. */
export type Entry = {
  /** The webhook's id, and the run id of the version. */
  id: string
  model: string
  body: string
  headers: Record<string, string>
  /** Where its validation must lead. */
  end: 'asked' | 'rejected' | 'stuck'
  answers: Answer[]
}

/** What a test says of a registration; `source` is a file of the diabetes fixtures, a `score` below 0 is too low. */
export type Wish = { model?: string; source?: string; score?: number; end?: Entry['end'] }

/** Somebody who registers versions by signed webhooks, and keeps a journal of what they were told. */
export type Registrar = {
  journal: Entry[]
  /** Writes and signs a registration without sending it; by default a good one of a model of its own. */
  write(wish?: Wish): Entry
  /** Sends the entry's very bytes once. */
  send(entry: Entry): Promise<Answer>
  /** Sends the same bytes again until they are taken, as a registry does that hears nothing or 5xx. */
  deliver(entry: Entry): Promise<Answer>
  /** Delivers new registrations at an interval, few at a time, until it is told to stop; then waits for those under way. */
  stream(everyMs: number, wish?: (index: number) => Wish): { stop(): Promise<void> }
}

const retryMs = 100
const atOnce = 8

/** Tells whether an answer means that the registration was taken. *Pure.* */
export const isTaken = ({ status }: Answer): boolean => status >= 200 && status <= 299

/** A registrar that finds the server at whatever `urlOf` gives at the moment. */
export function makeRegistrar(secret: string, urlOf: () => string): Registrar {
  const journal: Entry[] = []
  const write = (wish: Wish = {}): Entry => {
    const entry = compose(secret, wish)
    journal.push(entry)
    return entry
  }
  const send = async (entry: Entry): Promise<Answer> => {
    const answer = await post(`${urlOf()}/webhooks/registrations`, entry)
    entry.answers.push(answer)
    return answer
  }
  const deliver = async (entry: Entry): Promise<Answer> => {
    for (;;) {
      const answer = await send(entry)
      if (answer.status !== 0 && answer.status < 500) return answer
      await sleep(retryMs)
    }
  }
  const stream = (everyMs: number, wish: (index: number) => Wish = () => ({})) => {
    const underWay = new Set<Promise<unknown>>()
    let index = 0
    const timer = setInterval(() => {
      if (underWay.size >= atOnce) return
      const delivery = deliver(write(wish(index++))).finally(() => underWay.delete(delivery))
      underWay.add(delivery)
    }, everyMs)
    return {
      stop: async () => {
        clearInterval(timer)
        await Promise.all(underWay)
      },
    }
  }
  return { journal, write, send, deliver, stream }
}

/** Signs a body under an id, as Standard Webhooks ask. *Pure* but for the time. */
export function signedHeaders(secret: string, id: string, body: string): Record<string, string> {
  const timestamp = Math.floor(Date.now() / 1_000).toString()
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  }
}

function compose(secret: string, wish: Wish): Entry {
  const id = randomUUID()
  const {
    model = `model-${id}`,
    source = 'good.onnx',
    score = 1,
    end = score < 0 ? 'rejected' : 'asked',
  } = wish
  const data = { name: model, source, run_id: id, author: 'carol', metrics: { score } }
  const body = JSON.stringify({
    type: 'model_version.registered',
    timestamp: new Date().toISOString(),
    data,
  })
  return { id, model, body, headers: signedHeaders(secret, id, body), end, answers: [] }
}

async function post(url: string, { body, headers }: Entry): Promise<Answer> {
  const started = performance.now()
  const ended = (answer: Omit<Answer, 'ms'>): Answer => ({ ...answer, ms: performance.now() - started })
  try {
    const response = await fetch(url, { method: 'POST', headers, body })
    const retryAfter = response.headers.get('retry-after')
    return ended({
      status: response.status,
      body: await response.json(),
      retryAfter: retryAfter === null ? null : Number(retryAfter),
    })
  } catch {
    return ended({ status: 0, body: null, retryAfter: null })
  }
}
