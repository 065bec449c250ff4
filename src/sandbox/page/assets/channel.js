import { renderBlock } from './blocks.js'
import { make, set } from './dom.js'
import { askToConfirm, showModal } from './modal.js'

const [people, channels, title, messages, drawer, log, count, modal, question] = [
  'people',
  'channels',
  'title',
  'messages',
  'drawer',
  'log',
  'count',
  'modal',
  'question',
].map((id) => document.getElementById(id))

/** What shows now: rows are kept by message, so that a button is never replaced under somebody's finger. */
const shown = { state: null, channel: '', user: '', rows: new Map(), busy: false, stale: false }

new EventSource('/page/events').onmessage = refresh
people.addEventListener('change', () => {
  shown.user = people.value
  refresh()
})

drawer.addEventListener('toggle', () => renderLog(shown.state?.log ?? []))

async function refresh() {
  shown.stale = true
  if (shown.busy) return
  shown.busy = true
  while (shown.stale) {
    shown.stale = false
    const response = await fetch(`/page/state?user=${encodeURIComponent(shown.user)}`).catch(() => null)
    if (response?.ok) render(await response.json())
  }
  shown.busy = false
}

function render(state) {
  shown.state = state
  shown.user ||= state.users[0]?.id ?? ''
  shown.channel ||= state.channels[0]?.id ?? ''
  if (people.options.length !== state.users.length) {
    people.replaceChildren(
      ...state.users.map((user) => set(make('option', '', user.name), { value: user.id })),
    )
  }
  people.value = shown.user
  document.getElementById('team').textContent = state.team
  renderChannels(state)
  renderMessages(state.messages.filter((message) => message.channel === shown.channel))
  renderLog(state.log)
  showModal(modal, state.view, {
    onSubmit: (view, values) => act('submit', { viewId: view.id, userId: shown.user, values }),
    onDismiss: (view) => act('dismiss', { viewId: view.id, userId: shown.user }),
  })
}

function renderChannels(state) {
  channels.replaceChildren(
    ...state.channels.map((channel) => {
      const entry = make(
        'button',
        channel.id === shown.channel ? 'channel here' : 'channel',
        `# ${channel.name}`,
      )
      return set(entry, {
        type: 'button',
        onclick: () => {
          shown.channel = channel.id
          render(shown.state)
        },
      })
    }),
  )
  title.textContent = `# ${state.channels.find((channel) => channel.id === shown.channel)?.name ?? ''}`
}

function renderMessages(list) {
  const atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 80
  const rows = list.map((message) => {
    const key = JSON.stringify(message)
    const old = shown.rows.get(message.ts)
    return old?.key === key ? [message.ts, old] : [message.ts, { key, element: renderMessage(message) }]
  })
  shown.rows = new Map(rows)
  const elements = rows.map(([, row]) => row.element)
  const same =
    elements.length === messages.children.length && elements.every((one, at) => one === messages.children[at])
  if (!same) messages.replaceChildren(...elements)
  if (elements.length === 0) messages.replaceChildren(make('p', 'empty', 'Nothing has been posted here yet.'))
  if (atEnd) messages.scrollTop = messages.scrollHeight
}

function renderMessage(message) {
  const time = new Date(Number(message.ts) * 1000)
  const head = make(
    'div',
    'head',
    make('strong', '', message.author),
    message.isApp ? make('span', 'app', 'APP') : null,
    set(make('time', '', time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })), {
      dateTime: time.toISOString(),
      title: time.toLocaleString(),
    }),
  )
  const body = make('div', 'body', head)
  if (message.onlyFor) head.after(make('div', 'only', `Only visible to ${message.onlyFor}`))
  body.append(
    ...message.blocks.map((block) =>
      renderBlock(block, (button, element) => click(message, button, element)),
    ),
  )
  if (message.edited) body.append(make('span', 'edited', '(edited)'))
  if (message.warning) body.append(make('p', 'warning', `⚠ ${message.warning}`))
  const kind = `${message.onlyFor ? ' ephemeral' : ''}${message.isReply ? ' reply' : ''}`
  const initials = message.author
    .split(' ')
    .map((word) => word[0] ?? '')
    .join('')
    .slice(0, 2)
  const avatar = make('div', message.isApp ? 'avatar bot' : 'avatar', initials)
  avatar.ariaHidden = 'true'
  return make('article', `message${kind}`, avatar, body)
}

async function click(message, button, element) {
  if (button.confirm && !(await askToConfirm(question, button.confirm))) return
  element.disabled = true
  element.classList.add('waiting')
  if (/^https?:\/\//i.test(button.url ?? '')) window.open(button.url, '_blank', 'noopener')
  await act('click', {
    ts: message.ts,
    actionId: button.actionId,
    blockId: button.blockId,
    userId: shown.user,
  })
  element.disabled = false
  element.classList.remove('waiting')
}

async function act(verb, body) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(`/page/${verb}`, init).catch(() => null)
  const refusal =
    response?.ok === false ? (await response.json()).message : response ? '' : 'The sandbox is gone.'
  document.getElementById('notice').textContent = refusal
  await refresh()
}

function renderLog(lines) {
  count.textContent = String(lines.length)
  if (!drawer.open) return
  const open = new Set([...log.querySelectorAll('details[open]')].map((one) => one.dataset.key))
  log.replaceChildren(
    ...lines.map((line) => {
      const key = `${line.at} ${line.title}`
      const time = new Date(line.at).toLocaleTimeString()
      const outcome = make('span', line.ok ? 'outcome' : 'outcome bad', line.outcome)
      const summary = make('summary', '', make('time', '', time), make('code', '', line.title), outcome)
      const details = set(make('details', '', summary, make('pre', '', line.detail)), { open: open.has(key) })
      details.dataset.key = key
      return details
    }),
  )
}
