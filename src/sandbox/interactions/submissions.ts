import { z } from 'zod'
import { NotFoundError } from '../../errors.ts'
import { closeAll, closeView, pushView, readView, replaceView } from '../methods/views.ts'
import type { SandboxView, Workspace } from '../workspace.ts'
import { grantTrigger, requireUser } from './clicks.ts'
import { buildRequest, type Delivered, deliver, type Line } from './delivery.ts'
import { completeInputs, type Filled } from './inputs.ts'
import { describeClosing, describeSubmission } from './payloads.ts'

/** Who sends off which modal, filled in how. */
export type Submission = { viewId: string; userId: string; values: Filled }

/**
 * What became of a submission. `incomplete`: Slack's client kept it back, nothing was sent. `rejected`: the app
 * answered with `errors` by block id. `failed`: no acceptable answer within three seconds, the modal stays open.
 */
export type Submitted =
  | { kind: 'incomplete'; errors: Record<string, string> }
  | ({ kind: 'closed' | 'updated' | 'pushed' | 'failed' } & Delivered)
  | ({ kind: 'rejected'; errors: Record<string, string> } & Delivered)

/** Slack's limit of modals on top of one another. */
const maxStacked = 3

const responseShape = z.discriminatedUnion('response_action', [
  z.object({ response_action: z.literal('clear') }),
  z.object({ response_action: z.literal('errors'), errors: z.record(z.string(), z.string()) }),
  z.object({ response_action: z.literal('update'), view: z.unknown() }),
  z.object({ response_action: z.literal('push'), view: z.unknown() }),
])

/**
 * A person sends off a modal; the app's `response_action` is carried out.
 * @throws NotFoundError when this person has no such modal open.
 */
export async function submitView(workspace: Workspace, line: Line, given: Submission): Promise<Submitted> {
  const user = requireUser(workspace, given.userId)
  const view = requireView(workspace, given)
  const completed = completeInputs(view.modal, given.values)
  if (completed.kind === 'incomplete') return rejectWith(workspace, view, completed)
  const trigger = grantTrigger(workspace, user.id)
  const payload = describeSubmission(workspace, user, view, completed.values, trigger)
  const raw = buildRequest(payload, line.signingSecret, workspace.now())
  const delivered = await deliver(workspace, line, raw, {
    type: 'view_submission',
    user: user.id,
    target: view.id,
  })
  return delivered.ok ? follow(workspace, view, delivered) : { kind: 'failed', ...delivered }
}

/**
 * A person puts a modal away without sending it; the app hears of it where the modal asked for that.
 * @throws NotFoundError when this person has no such modal open.
 */
export async function dismissView(
  workspace: Workspace,
  line: Line,
  given: { viewId: string; userId: string },
): Promise<void> {
  const user = requireUser(workspace, given.userId)
  const view = requireView(workspace, given)
  closeView(workspace, view.id)
  if (!view.modal.notify_on_close) return
  const raw = buildRequest(describeClosing(workspace, user, view), line.signingSecret, workspace.now())
  await deliver(workspace, line, raw, { type: 'view_closed', user: user.id, target: view.id })
}

function follow(workspace: Workspace, view: SandboxView, delivered: Delivered): Submitted {
  if (delivered.body.trim() === '') {
    closeView(workspace, view.id)
    return { kind: 'closed', ...delivered }
  }
  const response = responseShape.safeParse(parse(delivered.body))
  if (!response.success) return { kind: 'failed', ...delivered, ok: false }
  const action = response.data
  if (action.response_action === 'clear') {
    closeAll(workspace, view.user)
    return { kind: 'closed', ...delivered }
  }
  if (action.response_action === 'errors') {
    return rejectWith(workspace, view, { kind: 'rejected' as const, errors: action.errors, ...delivered })
  }
  const next = readView(action.view)
  if (next.kind === 'refused') return { kind: 'failed', ...delivered, ok: false }
  if (action.response_action === 'push') {
    const stacked = workspace.views.filter((one) => one.rootId === view.rootId).length
    if (stacked >= maxStacked) return { kind: 'failed', ...delivered, ok: false }
    pushView(workspace, view.user, next.value, view)
    return { kind: 'pushed', ...delivered }
  }
  replaceView(workspace, view, next.value)
  return { kind: 'updated', ...delivered }
}

function rejectWith<T extends { errors: Record<string, string> }>(
  workspace: Workspace,
  view: SandboxView,
  outcome: T,
): T {
  view.errors = outcome.errors
  workspace.changed()
  return outcome
}

function requireView(
  workspace: Workspace,
  { viewId, userId }: { viewId: string; userId: string },
): SandboxView {
  const view = workspace.views.find((one) => one.id === viewId && one.user === userId)
  if (view) return view
  throw new NotFoundError(`${userId} has no modal ${viewId} open in the Slack sandbox.`)
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
