import type { FastifyInstance } from 'fastify'
import { type BoardRow, listRequestRecords, type RequestRecord, readBoard } from '../store/reads.ts'
import { callerOf } from './access.ts'
import type { Caller } from './authentication.ts'
import type { AppDeps } from './deps.ts'
import { type Html, html } from './html.ts'
import { sendPage } from './page.ts'

const most = { models: 100, versions: 6 }

// Takes the page in anew and swaps what changed, so that scrolling and selections stay.
const refresh = `
setInterval(async () => {
  if (document.hidden) return
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (answer.redirected || !answer.ok) return location.reload()
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main')
    const shown = document.querySelector('main')
    if (fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh)
  } catch {}
}, 3000)
`

/** Adds the board: what is where, read-only, drawn on the server and kept fresh. */
export async function boardRoute(app: FastifyInstance, { deps }: { deps: AppDeps }): Promise<void> {
  app.get('/', { config: { access: 'viewer' }, schema: { hide: true } }, async (request, reply) => {
    const [rows, pending] = await Promise.all([
      readBoard(deps.db, most),
      listRequestRecords(deps.db, { state: 'pending', limit: 50 }),
    ])
    const body = html`${drawHeader(callerOf(request))}<main>${drawPending(pending)}${drawModels(rows)}</main>`
    return sendPage(reply, { title: 'Greenroom', body, script: refresh })
  })
}

function drawHeader(caller: Caller): Html {
  const signOut =
    caller.via === 'session'
      ? html`<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>`
      : null
  return html`<header><h1>Greenroom</h1><a href="/queues">Queues</a><a href="/docs">API</a>
<span class="soft">${caller.name}</span>${signOut}</header>`
}

function drawPending(requests: RequestRecord[]): Html | null {
  if (requests.length === 0) return null
  const rows = requests.map(
    (request) => html`<tr>
<td>${request.model} ${request.version}</td>
<td>${request.incumbent_version === null ? 'first in Production' : `would replace version ${request.incumbent_version}`}</td>
<td>${request.decisions.length} of ${request.lifecycle.context.quorum}</td>
<td>${request.approvers === null ? 'any approver' : request.approvers.join(', ')}</td>
<td class="soft">${request.expires_at === null ? '' : `until ${timeOf(request.expires_at)}`}</td>
</tr>`,
  )
  return html`<section><h2 class="wait">Waiting for approval</h2><table>
<tr><th>Version</th><th>Effect</th><th>Approvals</th><th>Asked</th><th></th></tr>${rows}</table></section>`
}

function drawModels(rows: BoardRow[]): Html | Html[] {
  const models = Map.groupBy(rows, (row) => row.model)
  if (models.size === 0)
    return html`<section><h2>No models yet</h2><p class="soft">Register one with <code>greenroom register</code>, or point a webhook at <code>/webhooks/mlflow</code>.</p></section>`
  return [...models].map(
    ([name, versions]) => html`<section><h2>${name}</h2><table>
<tr><th>Version</th><th>Stage</th><th>State</th><th>Checks</th><th>Author</th><th>Changed</th></tr>
${versions.map(drawVersion)}</table></section>`,
  )
}

function drawVersion(row: BoardRow): Html {
  const marks = row.verdicts.map(
    ({ check, verdict, summary }) =>
      html`<span class="mark ${verdict === null ? 'news' : toneOfVerdict[verdict]}" title="${summary ?? 'running'}">${check}${verdict === 'passed' ? '' : ` ${verdict ?? '…'}`}</span>`,
  )
  return html`<tr><td>${row.version}</td>
<td><span class="mark ${toneOfStage[row.stage]}">${row.stage}</span></td>
<td>${inWords(row.state)}</td><td>${marks}</td><td>${row.author ?? ''}</td>
<td class="soft">${timeOf(row.updated_at)}</td></tr>`
}

const toneOfStage = { None: '', Staging: 'news', Production: 'good', Archived: '' }
const toneOfVerdict = { passed: 'good', failed: 'bad', inconclusive: 'wait', errored: 'wait' }

function inWords(state: string): string {
  return state.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function timeOf(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
