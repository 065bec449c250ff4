import { z } from 'zod'
import { limits } from '../block-kit/limits.ts'
import { type Modal, modal } from '../block-kit/modal.ts'
import { nameModalBlocks } from '../block-kit/naming.ts'
import { remember, type SandboxView, type Workspace } from '../workspace.ts'
import { type Checked, check, type Method, readJson, refuse } from './answer.ts'

/** `views.open`: shows a modal to whoever caused the trigger, once and within three seconds. */
export const openView: Method = (workspace, args) => {
  const asked = check(z.object({ trigger_id: z.string().optional() }), args, 'invalid_arguments')
  if (asked.kind === 'refused') return asked.answer
  const view = readView(args.view)
  if (view.kind === 'refused') return view.answer
  const trigger = workspace.triggers.get(asked.value.trigger_id ?? '')
  if (!trigger) return refuse('invalid_trigger_id')
  if (trigger.uses > 0) return refuse('exchanged_trigger_id')
  if (workspace.now() > trigger.until) return refuse('expired_trigger_id')
  const { external_id } = view.value
  if (external_id && workspace.views.some((one) => one.modal.external_id === external_id)) {
    return refuse('duplicate_external_id')
  }
  trigger.uses += 1
  closeAll(workspace, trigger.user)
  return { ok: true, view: describeView(workspace, pushView(workspace, trigger.user, view.value, null)) }
}

/** A modal held against Slack's limits. *Pure.* */
export function readView(argument: unknown): Checked<Modal> {
  const view = readJson(argument)
  if (Buffer.byteLength(JSON.stringify(view) ?? '') > limits.viewBytes) {
    return { kind: 'refused', answer: refuse('view_too_large') }
  }
  return check(modal, view, 'invalid_arguments', '/view')
}

/** Shows a modal to a person, on top of `below` or alone. */
export function pushView(
  workspace: Workspace,
  user: string,
  given: Modal,
  below: SandboxView | null,
): SandboxView {
  const id = `V${workspace.newId()}`
  const view: SandboxView = {
    id,
    hash: newHash(workspace),
    user,
    modal: { ...given, blocks: nameModalBlocks(given.blocks, workspace.newId) },
    rootId: below?.rootId ?? id,
    previousId: below?.id ?? null,
    errors: {},
  }
  remember(workspace, workspace.views, view)
  return view
}

/** Puts another modal in the place of one that is open. */
export function replaceView(workspace: Workspace, view: SandboxView, given: Modal): void {
  view.modal = { ...given, blocks: nameModalBlocks(given.blocks, workspace.newId) }
  view.hash = newHash(workspace)
  view.errors = {}
  workspace.changed()
}

/** Takes one modal off the screen; the one below it shows again. */
export function closeView(workspace: Workspace, id: string): void {
  workspace.views = workspace.views.filter((view) => view.id !== id)
  workspace.changed()
}

/** Takes every modal off one person's screen. */
export function closeAll(workspace: Workspace, user: string): void {
  workspace.views = workspace.views.filter((view) => view.user !== user)
  workspace.changed()
}

/** A view as the Web API and interactions show it; `values` is what the person filled in. *Pure.* */
export function describeView(
  { app, team }: Workspace,
  { id, hash, modal: shown, rootId, previousId }: SandboxView,
  values: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    id,
    team_id: team.id,
    type: 'modal',
    title: shown.title,
    submit: shown.submit ?? null,
    close: shown.close ?? null,
    blocks: shown.blocks,
    private_metadata: shown.private_metadata ?? '',
    callback_id: shown.callback_id ?? '',
    external_id: shown.external_id ?? '',
    state: { values },
    hash,
    clear_on_close: shown.clear_on_close ?? false,
    notify_on_close: shown.notify_on_close ?? false,
    root_view_id: rootId,
    previous_view_id: previousId,
    app_id: app.id,
    bot_id: app.botId,
  }
}

function newHash(workspace: Workspace): string {
  return `${Math.floor(workspace.now() / 1000)}.${workspace.newId()}`
}
