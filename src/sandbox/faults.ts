import type { FastifyReply } from 'fastify'

/** How a call goes wrong. With `applied` the method takes effect first, and only the answer is lost. */
export type Fault =
  | { kind: 'rateLimited'; retryAfterSeconds?: number }
  | { kind: 'status'; status: number; applied?: boolean }
  | { kind: 'hang'; applied?: boolean }
  | { kind: 'reset'; applied?: boolean }
  | { kind: 'error'; error: string }

/** A fault for the next `times` calls (default 1) of one method, or of any when `method` is `*`. */
export type FaultPlan = { method: string; times?: number; fault: Fault }

/** The planned faults. */
export type Faults = { plan: (plan: FaultPlan) => void; take: (method: string) => Fault | null }

/** An empty plan. Faults come in the order they were planned; each is used up before the next of its method. */
export function createFaults(): Faults {
  const plans: { method: string; fault: Fault; left: number }[] = []
  return {
    plan: ({ method, fault, times = 1 }) => {
      plans.push({ method, fault, left: times })
    },
    take: (method) => {
      const plan = plans.find((one) => one.left > 0 && (one.method === method || one.method === '*'))
      if (!plan) return null
      plan.left -= 1
      return plan.fault
    },
  }
}

/** Whether the method still runs although the caller will not learn it. *Pure.* */
export function isApplied(fault: Fault): boolean {
  return 'applied' in fault && fault.applied === true
}

/** How the fault is recorded in the list of calls: status 0 where there is no answer. *Pure.* */
export function describeFault(fault: Fault): { status: number; error: string } {
  switch (fault.kind) {
    case 'rateLimited':
      return { status: 429, error: 'ratelimited' }
    case 'status':
      return { status: fault.status, error: `http_${fault.status}` }
    case 'error':
      return { status: 200, error: fault.error }
    case 'hang':
    case 'reset':
      return { status: 0, error: fault.kind }
  }
}

/** Lets the call fail as planned. A hung call stays open until the caller or the sandbox closes it. */
export function sendFault(reply: FastifyReply, fault: Fault): FastifyReply {
  switch (fault.kind) {
    case 'rateLimited':
      if (fault.retryAfterSeconds !== undefined) reply.header('retry-after', String(fault.retryAfterSeconds))
      return reply.code(429).send({ ok: false, error: 'ratelimited' })
    case 'status':
      return reply.code(fault.status).type('text/plain').send('upstream error')
    case 'error':
      return reply.send({ ok: false, error: fault.error })
    case 'hang':
      return reply.hijack()
    case 'reset':
      reply.hijack()
      reply.raw.socket?.resetAndDestroy()
      return reply
  }
}
