// The rules of an approval as plain functions. The approval machine's guards call them, and so does
// whoever must tell a person why their answer was not taken: one rule, one place.

/** What is known about one person's answer at the moment it arrives. */
export type AnswerFacts = {
  /** The person's canonical name: the same person in Slack and through the API has the same name. */
  principal: string
  /** Holds the approver's right and, where the policy lists approvers, is on the list. */
  isApprover: boolean
  /** Registered or wrote the version that the request is about. */
  isAuthor: boolean
  /** Milliseconds since the epoch. */
  now: number
}

/** The part of an approval request's state that the rules look at. */
export type RequestFacts = {
  quorum: number
  selfApproval: boolean
  /** Milliseconds since the epoch; null never expires. */
  expiresAt: number | null
  approvedBy: readonly string[]
}

/** Why an answer cannot be taken; each has one sentence in {@link explainRefusal}. */
export type AnswerRefusal = 'notAnApprover' | 'ownVersion' | 'alreadyAnswered' | 'expired'

/** Tells whether the request's deadline has passed at `now`. *Pure.* */
export function isExpired(request: Pick<RequestFacts, 'expiresAt'>, now: number): boolean {
  return request.expiresAt !== null && now >= request.expiresAt
}

/** Finds the reason why this person's answer may not count, or null when it may (V4, V5). *Pure.* */
export function refusalOf(request: RequestFacts, answer: AnswerFacts): AnswerRefusal | null {
  if (!answer.isApprover) return 'notAnApprover'
  if (answer.isAuthor && !request.selfApproval) return 'ownVersion'
  if (isExpired(request, answer.now)) return 'expired'
  if (request.approvedBy.includes(answer.principal)) return 'alreadyAnswered'
  return null
}

/** Tells whether one more approval completes the quorum. *Pure.* */
export function completesQuorum(request: RequestFacts): boolean {
  return request.approvedBy.length + 1 >= request.quorum
}

/** Says a refusal to the person it concerns. *Pure.* */
export function explainRefusal(refusal: AnswerRefusal): string {
  switch (refusal) {
    case 'notAnApprover':
      return 'You are not an approver of this model; its policy lists who is.'
    case 'ownVersion':
      return 'You are the author of this version; somebody else must decide.'
    case 'alreadyAnswered':
      return 'You have already approved this request, and one answer counts per person; another approver may still decline it.'
    case 'expired':
      return 'This request has expired; ask again with `greenroom promote`.'
  }
}
