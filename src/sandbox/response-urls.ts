import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type Answer, refuse } from './methods/answer.ts'
import { applyEdit, postEphemeral, postMessage } from './methods/chat.ts'
import { readContent } from './methods/content.ts'
import type { Grant, Workspace } from './workspace.ts'

const maxUses = 5

const wish = z.object({
  response_type: z.enum(['ephemeral', 'in_channel']).default('ephemeral'),
  replace_original: z.boolean().default(false),
  delete_original: z.boolean().default(false),
})

/** Where an app may answer an interaction, up to five times in half an hour: `/response/<id>`. */
export function serveResponseUrls(app: FastifyInstance, workspace: Workspace): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    app.getDefaultJsonParser('error', 'error'),
  )

  app.post<{ Params: { id: string } }>('/response/:id', (request, reply) => {
    const grant = workspace.responseUrls.get(request.params.id)
    if (!grant || workspace.now() > grant.until) return reply.code(404).send(refuse('expired_url'))
    if (grant.uses >= maxUses) return reply.code(404).send(refuse('used_url'))
    const answer = respond(workspace, grant, request.body)
    if (!answer.ok) return reply.code(400).send(answer)
    grant.uses += 1
    return reply.type('text/plain').send('ok')
  })
}

function respond(workspace: Workspace, grant: Grant, body: unknown): Answer {
  const asked = wish.safeParse(body)
  if (!asked.success) return refuse('invalid_payload')
  const { response_type, replace_original, delete_original } = asked.data
  if (delete_original) return deleteOriginal(workspace, grant)
  const content = Object.fromEntries(Object.entries(body ?? {}))
  if (replace_original) return replaceOriginal(workspace, grant, content)
  const args = { ...content, channel: grant.channel, user: grant.user }
  return response_type === 'in_channel' ? postMessage(workspace, args) : postEphemeral(workspace, args)
}

function replaceOriginal(workspace: Workspace, grant: Grant, args: Record<string, unknown>): Answer {
  const content = readContent(args)
  if (content.kind === 'refused') return content.answer
  const message = workspace.messages.find((one) => one.ts === grant.ts)
  const ephemeral = workspace.ephemerals.find((one) => one.ts === grant.ts)
  if (message) applyEdit(workspace, message, content.value)
  else if (ephemeral) applyEdit(workspace, ephemeral, content.value)
  else return refuse('message_not_found')
  return { ok: true }
}

function deleteOriginal(workspace: Workspace, { ts }: Grant): Answer {
  workspace.messages = workspace.messages.filter((one) => one.ts !== ts)
  workspace.ephemerals = workspace.ephemerals.filter((one) => one.ts !== ts)
  workspace.changed()
  return { ok: true }
}
