// From outcomes to answers: what was done, or was taken up, is 2xx; what could not be done is an error with a code.
import type { FastifyReply } from 'fastify'
import type { PromotionOutcome } from '../../lifecycle/promotion.ts'
import type { AdvanceOutcome } from '../../lifecycle.ts'
import type { AnswerRefusal } from '../../machines/rules.ts'
import { refuse } from '../errors.ts'
import type { OnceOutcome } from '../register-once.ts'

const refusals: Record<AnswerRefusal, [number, string]> = {
  notAnApprover: [403, 'not_an_approver'],
  ownVersion: [403, 'own_version'],
  alreadyAnswered: [409, 'already_answered'],
  expired: [409, 'request_expired'],
}

/** Answers a promotion, an approval or a decline. */
export function answerDecision(reply: FastifyReply, outcome: PromotionOutcome): FastifyReply {
  switch (outcome.kind) {
    case 'refused':
      return refuse(reply, ...refusals[outcome.refusal], outcome.why)
    case 'closed':
      return refuse(reply, 409, 'request_closed', outcome.why)
    case 'stale':
      return refuse(reply, 409, 'request_stale', outcome.why)
    case 'notReady':
      return refuse(reply, 409, 'not_ready', outcome.why)
  }
  const { name, version } = outcome
  const request = 'requestId' in outcome ? { request_id: outcome.requestId } : {}
  const about = { name, version, ...request }
  switch (outcome.kind) {
    case 'promoted':
    case 'moved':
      return reply.code(200).send({ outcome: outcome.kind, ...about, replaced: outcome.replaced })
    case 'counted':
      return reply.code(200).send({ outcome: 'counted', ...about, have: outcome.have, need: outcome.need })
    case 'duplicate':
      return reply.code(200).send({ outcome: 'duplicate', ...about, why: outcome.why })
    case 'alreadyLive':
      return reply.code(200).send({ outcome: 'already_live', ...about })
    case 'declined':
      return reply.code(200).send({ outcome: outcome.kind, ...about })
    case 'testing':
      return reply.code(202).send({ outcome: 'testing', ...about })
    case 'asked':
      return reply.code(202).send({ outcome: 'asked', ...about, why: outcome.why })
  }
}

/** Answers a move that a version's state may not allow; `wish` completes "it cannot be …". */
export function answerMove(reply: FastifyReply, outcome: AdvanceOutcome, wish: string): FastifyReply {
  const { kind, name, version, stage, state } = outcome
  return kind === 'moved'
    ? reply.code(200).send({ outcome: 'moved', name, version, stage, state })
    : refuse(
        reply,
        409,
        'illegal_move',
        `Version ${version} of "${name}" is in ${stage} (${state}) and cannot be ${wish} now.`,
      )
}

/** Answers a registration. */
export function answerRegistration(
  reply: FastifyReply,
  outcome: Exclude<OnceOutcome, { kind: 'ignored' }>,
): FastifyReply {
  switch (outcome.kind) {
    case 'registered':
    case 'duplicate': {
      const { kind, name, version, stage, state } = outcome
      return reply
        .code(kind === 'registered' ? 201 : 200)
        .send({ outcome: kind, name, version, stage, state })
    }
    case 'conflict':
      return refuse(reply, 409, 'version_conflict', outcome.why)
    case 'reused':
      return refuse(
        reply,
        409,
        'idempotency_key_reused',
        'This idempotency key came before with another request; nothing was changed.',
      )
  }
}
