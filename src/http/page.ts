import type { FastifyReply } from 'fastify'
import { type Html, hashSource, html, trusted } from './html.ts'
import { contentPolicy } from './perimeter.ts'

const style = `
:root { color-scheme: light dark; --ink: #1c2420; --soft: #5f6b65; --line: #dfe5e1; --card: #fff; --back: #f5f7f5; --green: #1d7a4c; --red: #b3362b; --amber: #96690a; --blue: #2a5f9e }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eae6; --soft: #98a59e; --line: #2f3833; --card: #1b211e; --back: #131715; --green: #5cc48d; --red: #ef8a7f; --amber: #e0b252; --blue: #86b4ea } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back) }
header { display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: baseline; padding: 14px 24px; border-bottom: 1px solid var(--line); background: var(--card) }
header h1 { margin: 0 auto 0 0; font-size: 18px; color: var(--green) }
main { max-width: 1080px; margin: 0 auto; padding: 20px 24px }
section { margin: 0 0 20px; padding: 16px 20px; overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; background: var(--card) }
h2 { margin: 0 0 8px; font-size: 16px; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse }
th { text-align: left; font-size: 12px; font-weight: 500; color: var(--soft) }
th, td { padding: 6px 12px 6px 0; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere }
th { border-top: 0 }
td:first-child { font-variant-numeric: tabular-nums; white-space: nowrap }
.soft { color: var(--soft) }
.mark { display: inline-block; margin: 0 6px 2px 0; padding: 0 8px; border: 1px solid; border-radius: 99px; font-size: 12px; line-height: 1.6; white-space: nowrap; color: var(--soft) }
.good { color: var(--green) } .bad { color: var(--red) } .wait { color: var(--amber) } .news { color: var(--blue) }
a { color: inherit }
form { margin: 0 } form.card { max-width: 420px; margin: 12vh auto 0 }
label { display: block; margin-bottom: 4px }
input { width: 100%; margin-bottom: 12px; padding: 8px 10px; font: inherit; border: 1px solid var(--line); border-radius: 6px; color: inherit; background: var(--back) }
button { padding: 7px 14px; font: inherit; border: 1px solid var(--green); border-radius: 6px; color: var(--green); background: none; cursor: pointer }
button.quiet { padding: 0; border: 0; color: inherit; text-decoration: underline }
`

/** A page of ours. The script, if any, runs by the hash of its text; no other script can. */
export type Page = { title: string; body: Html; script?: string }

/** Answers with a page under a policy that allows its own style and script and nothing else (R31). */
export function sendPage(reply: FastifyReply, page: Page): FastifyReply {
  const policy = contentPolicy({
    'style-src': hashSource(style),
    ...(page.script !== undefined && { 'script-src': hashSource(page.script), 'connect-src': "'self'" }),
  })
  const script = page.script === undefined ? null : html`<script>${trusted(page.script)}</script>`
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title}</title>
<style>${trusted(style)}</style>
</head>
<body>
${page.body}
${script}
</body>
</html>
`
  return reply
    .header('content-security-policy', policy)
    .type('text/html; charset=utf-8')
    .send(document.source)
}
