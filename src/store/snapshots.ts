import { z } from 'zod'
import { type ApprovalState, approvalMachineVersion } from '../machines/approval.ts'
import type { Approval, Lifecycle } from '../machines/decide.ts'
import { modelVersionMachineVersion } from '../machines/model-version.ts'

// Stored state outlives the program that wrote it, and XState does not check it: an old or damaged
// snapshot must be migrated or refused loudly, never guessed (DESIGN §3).
const lifecycleSchema = z.strictObject({
  value: z.record(z.string(), z.string()),
  context: z.strictObject({
    validationId: z.string().nullable(),
    requestId: z.string().nullable(),
    validated: z.boolean(),
    served: z.boolean(),
  }),
}) satisfies z.ZodType<Lifecycle>

const approvalStates = [
  'pending',
  'approved',
  'declined',
  'expired',
  'withdrawn',
  'stale',
] as const satisfies ApprovalState[]

const approvalSchema = z.strictObject({
  value: z.enum(approvalStates),
  context: z.strictObject({
    quorum: z.number(),
    selfApproval: z.boolean(),
    expiresAt: z.number().nullable(),
    approvedBy: z.array(z.string()),
    declinedBy: z.string().nullable(),
  }),
}) satisfies z.ZodType<Approval>

/** Reads a stored lifecycle. Throws when it was written by another version of the machine or is damaged. */
export function readLifecycle(stored: { lifecycle: unknown; machine_version: number }): Lifecycle {
  refuseOther('lifecycle', stored.machine_version, modelVersionMachineVersion)
  return lifecycleSchema.parse(stored.lifecycle)
}

/** Reads a stored approval request's state; throws as {@link readLifecycle} does. */
export function readApproval(stored: { lifecycle: unknown; machine_version: number }): Approval {
  refuseOther('approval', stored.machine_version, approvalMachineVersion)
  return approvalSchema.parse(stored.lifecycle)
}

function refuseOther(what: string, stored: number, known: number): void {
  if (stored === known) return
  throw new Error(
    `a stored ${what} has machine version ${stored}; this program knows ${known} and has no migration for it`,
  )
}
