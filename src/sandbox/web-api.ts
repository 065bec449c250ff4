import type { FastifyInstance } from 'fastify'
import { readArguments, readToken } from './arguments.ts'
import { describeFault, type Faults, isApplied, sendFault } from './faults.ts'
import { type Answer, type Checked, type Method, refuse } from './methods/answer.ts'
import { postEphemeral, postMessage, updateMessage } from './methods/chat.ts'
import { showHistory, showUser, testAuth } from './methods/lookups.ts'
import { openView } from './methods/views.ts'
import { remember, type Workspace } from './workspace.ts'

const methods = new Map<string, Method>([
  ['auth.test', testAuth],
  ['chat.postMessage', postMessage],
  ['chat.update', updateMessage],
  ['chat.postEphemeral', postEphemeral],
  ['views.open', openView],
  ['users.info', showUser],
  ['conversations.history', showHistory],
])

/** The Web API under `/api/<method>`: form or JSON body, bearer token, planned faults; every call is recorded. */
export function serveWebApi(
  app: FastifyInstance,
  workspace: Workspace,
  botToken: string,
  faults: Faults,
): void {
  app.removeAllContentTypeParsers()
  // The body stays text: Slack answers 200 and an error code even to one that cannot be read.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((_error, _request, reply) => reply.send(refuse('fatal_error')))

  app.route<{ Params: { method: string } }>({
    method: ['GET', 'POST'],
    url: '/api/:method',
    handler: (request, reply) => {
      const { method } = request.params
      const read = readArguments(request)
      const { token: _secret, ...body } = read.kind === 'fine' ? read.value : {}
      const token = readToken(request, read.kind === 'fine' ? read.value : {})
      const fault = faults.take(method)
      const runs = !fault || isApplied(fault)
      const answer = runs ? answerCall(workspace, method, token, botToken, read) : refuse('fault')
      const outcome = fault ? describeFault(fault) : { status: 200, error: answer.ok ? null : answer.error }
      remember(workspace, workspace.calls, { method, at: workspace.now(), body, ...outcome })
      return fault ? sendFault(reply, fault) : reply.send(answer)
    },
  })
}

function answerCall(
  workspace: Workspace,
  name: string,
  token: string | null,
  botToken: string,
  read: Checked<Record<string, unknown>>,
): Answer {
  const method = methods.get(name)
  if (!method) return refuse('unknown_method')
  if (token === null) return refuse('not_authed')
  if (token !== botToken) return refuse('invalid_auth')
  if (read.kind === 'refused') return read.answer
  return method(workspace, read.value)
}
